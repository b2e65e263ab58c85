#include "dyadic/kernels/maxout.h"

#include <algorithm>
#include <utility>

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
    Code winner = group[0];
    auto best = order(winner);
    for (std::int64_t p = 1; p < pieces; ++p) {
      const Code code = group[p];
      const auto ordered = order(code);
      winner = ordered > best ? code : winner;
      best = std::max(best, ordered);
    }
    y[u] = winner;
  }
}

/// body(0), ..., body(pieces - 1); written out where kPieces is not 0, before the compiler looks for vectors.
template <int kPieces, typename Body>
inline void for_pieces(std::int64_t pieces, const Body& body) {
  if constexpr (kPieces == 0) {
    for (std::int64_t p = 0; p < pieces; ++p) body(p);
  } else {
    [&]<int... kPiece>(std::integer_sequence<int, kPiece...>) { (body(kPiece), ...); }
    (std::make_integer_sequence<int, kPieces>{});
  }
}

/// Masks instead of branches: which piece wins is as good as random.
template <int kPieces, typename Code, typename Gradient, typename Order, typename Ordered>
void route_groups(const Code* __restrict z, const Gradient* __restrict d_y, std::int64_t groups,
                  std::int64_t any_pieces, Ties ties, Order order, PassingOrders<Ordered> passes, Gradient zero,
                  Gradient* __restrict routed) {
  const std::int64_t pieces = kPieces != 0 ? kPieces : any_pieces;
  const auto first_only = static_cast<Gradient>(ties == Ties::first ? ~Gradient{0} : Gradient{0});
  for (std::int64_t u = 0; u < groups; ++u) {
    const Code* group = z + u * pieces;
    Gradient* to = routed + u * pieces;
    Ordered best = order(group[0]);
    for_pieces<kPieces>(pieces, [&](std::int64_t p) { best = std::max(best, order(group[p])); });
    const Gradient gradient = d_y[u];
    auto open = static_cast<Gradient>(passes(best) ? ~Gradient{0} : Gradient{0});
    for_pieces<kPieces>(pieces, [&](std::int64_t p) {
      const auto mask = static_cast<Gradient>((order.equals(group[p], best) ? ~Gradient{0} : Gradient{0}) & open);
      open = static_cast<Gradient>(open & ~(mask & first_only));
      to[p] = static_cast<Gradient>((gradient & mask) | (zero & ~mask));
    });
  }
}

template <typename Function>
void with_pieces(std::int64_t pieces, Function function) {
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
  const auto route = [&]<typename Code, typename Order, typename Gradient>(Code code, Order order, Gradient) {
    const PassingOrders<decltype(order(code))> passes(z.format(), clipped);
    const auto all_rows = [&]<int kPieces>() {
      parallel_for(z.size() / columns, kMaxoutGrain, [&](std::int64_t begin, std::int64_t end, int) {
        route_groups<kPieces>(z.codes<Code>().data() + begin * columns, d_y.codes<Gradient>().data() + begin * groups,
                              (end - begin) * groups, pieces, ties, order, passes, zero_code<Gradient>(d_y.format()),
                              routed.codes<Gradient>().data() + begin * columns);
      });
    };
    // Unrolled where codes and gradients are of one width, as in all but mixed plans.
    if constexpr (sizeof(Code) == sizeof(Gradient)) with_pieces(pieces, all_rows);
    else all_rows.template operator()<0>();
  };
  with_order(z.format(), [&]<typename Code, typename Order>(Code code, Order order) {
    with_code_width(d_y.format(), [&]<typename Gradient>(Gradient gradient) { route(code, order, gradient); });
  });
}

}  // namespace dyadic
