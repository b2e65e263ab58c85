#include "dyadic/kernels/maxout.h"

#include <algorithm>
#include <functional>

#include "dyadic/base/aligned.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/code_order.h"

namespace dyadic {
namespace {

/// Compile-time group sizes, those of the papers, let the compiler unroll; 0 means any.
template <int kPieces, typename Code, typename Order>
void select_groups(const Code* z, std::int64_t groups, std::int64_t any_pieces, Order order, Code* y) {
  const std::int64_t pieces = kPieces != 0 ? kPieces : any_pieces;
  for (std::int64_t u = 0; u < groups; ++u) {
    const Code* group = z + u * pieces;
    Code best = group[0];
    for (std::int64_t p = 1; p < pieces; ++p) best = order(group[p]) > order(best) ? group[p] : best;
    y[u] = best;
  }
}

/// marks[i] becomes 255 where z[i] takes its group's gradient, else 0. Bits instead of branches: which piece wins is as
/// good as random.
template <int kPieces, typename Code, typename Order>
void mark_groups(const Code* z, std::int64_t groups, std::int64_t any_pieces, Ties ties, Order order,
                 const CodeLimit& at_limit, std::uint8_t* marks) {
  const std::int64_t pieces = kPieces != 0 ? kPieces : any_pieces;
  const int first_only = ties == Ties::first ? 1 : 0;
  for (std::int64_t u = 0; u < groups; ++u) {
    const Code* group = z + u * pieces;
    auto best = order(group[0]);
    for (std::int64_t p = 1; p < pieces; ++p) best = std::max(best, order(group[p]));
    int open = 1;
    for (std::int64_t p = 0; p < pieces; ++p) {
      const int takes = static_cast<int>(order(group[p]) == best) & static_cast<int>(!at_limit(group[p])) & open;
      open &= ~(takes & first_only);
      marks[u * pieces + p] = static_cast<std::uint8_t>(-takes);
    }
  }
}

/// Gradients are moved, not compared: their width is all that matters.
template <int kPieces, typename Gradient>
void send_to_marked(const std::uint8_t* marks, const Gradient* d_y, std::int64_t groups, std::int64_t any_pieces,
                    Gradient zero, Gradient* routed) {
  const std::int64_t pieces = kPieces != 0 ? kPieces : any_pieces;
  for (std::int64_t u = 0; u < groups; ++u) {
    for (std::int64_t p = 0; p < pieces; ++p) {
      routed[u * pieces + p] = marks[u * pieces + p] != 0 ? d_y[u] : zero;
    }
  }
}

template <typename Function>
auto with_pieces(std::int64_t pieces, Function function) {
  switch (pieces) {
    case 2: return function.template operator()<2>();
    case 5: return function.template operator()<5>();
    default: return function.template operator()<0>();
  }
}

constexpr std::int64_t kMaxoutGrain = 16;

}  // namespace

void maxout_select(const Tensor& z, std::int64_t pieces, Tensor& y) {
  const std::int64_t columns = z.shape().back();
  if (columns % pieces != 0)
    throw ShapeError("maxout: " + std::to_string(pieces) + " pieces do not divide " + std::to_string(columns) +
                     " columns");
  const std::int64_t groups = columns / pieces;
  Shape shape = z.shape();
  shape.back() = groups;
  y.reset(shape, z.format());
  with_order(z.format(), [&]<typename Code, typename Order>(Code, Order order) {
    with_pieces(pieces, [&]<int kPieces>() {
      parallel_for(z.size() / columns, kMaxoutGrain, [&](std::int64_t begin, std::int64_t end, int) {
        select_groups<kPieces>(z.codes<Code>().data() + begin * columns, (end - begin) * groups, pieces, order,
                               y.codes<Code>().data() + begin * groups);
      });
    });
  });
}

void maxout_route(const Tensor& z, const Tensor& d_y, std::int64_t pieces, Ties ties, bool clipped, Tensor& routed) {
  const std::int64_t columns = z.shape().back();
  const std::int64_t groups = columns / pieces;
  routed.reset(z.shape(), d_y.format());
  const Format& format = d_y.format();
  const CodeLimit limit(z.format(), clipped);
  // Row by row through marks, so that neither half is compiled for every kind of the other's codes.
  using Mark = std::function<void(std::int64_t row, std::uint8_t * marks)>;
  using Send = std::function<void(std::int64_t row, const std::uint8_t* marks)>;
  const Mark mark = with_order(z.format(), [&]<typename Code, typename Order>(Code, Order order) -> Mark {
    return with_pieces(pieces, [&]<int kPieces>() -> Mark {
      return [&, order, codes = z.codes<Code>().data()](std::int64_t row, std::uint8_t* marks) {
        mark_groups<kPieces>(codes + row * columns, groups, pieces, ties, order, limit, marks);
      };
    });
  });
  const auto sender = [&]<typename Gradient>(Gradient) -> Send {
    return with_pieces(pieces, [&]<int kPieces>() -> Send {
      return [&, from = d_y.codes<Gradient>().data(), to = routed.codes<Gradient>().data()](std::int64_t row,
                                                                                            const std::uint8_t* marks) {
        send_to_marked<kPieces>(marks, from + row * groups, groups, pieces, zero_code<Gradient>(format),
                                to + row * columns);
      };
    });
  };
  const std::int64_t bytes = code_bytes(code_type(format));
  const Send send = bytes == 1   ? sender(std::uint8_t{})
                    : bytes == 2 ? sender(std::uint16_t{})
                                 : sender(std::uint32_t{});
  parallel_for(z.size() / columns, kMaxoutGrain, [&](std::int64_t begin, std::int64_t end, int) {
    AlignedVector<std::uint8_t> marks(static_cast<std::size_t>(columns));
    for (std::int64_t row = begin; row < end; ++row) {
      mark(row, marks.data());
      send(row, marks.data());
    }
  });
}

}  // namespace dyadic
