#include "dyadic/kernels/maxout.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"

namespace dyadic {
namespace {

/// Maps codes to numbers that order like their values: identity for grids and floats, sign-magnitude for small floats.
template <typename Code>
struct IntegerOrder {
  auto operator()(Code code) const { return code; }
};

struct SmallFloatOrder {
  std::uint32_t sign_bit;
  std::uint32_t nan_above;  // magnitudes beyond this are NaN: below everything
  template <typename Code>
  std::int32_t operator()(Code code) const {
    const auto magnitude = static_cast<std::int32_t>(code & (sign_bit - 1));
    if (static_cast<std::uint32_t>(magnitude) > nan_above) return std::numeric_limits<std::int32_t>::min();
    return (code & sign_bit) != 0 ? -magnitude : magnitude;
  }
};

/// Compile-time group sizes let the compiler unroll; 0 means any.
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

template <int kPieces, typename Code, typename Gradient, typename Order, typename Limit>
void route_groups(const Code* z, const Gradient* d_y, std::int64_t groups, std::int64_t any_pieces, Ties ties,
                  Order order, Limit at_limit, Gradient zero, Gradient* routed) {
  const std::int64_t pieces = kPieces != 0 ? kPieces : any_pieces;
  const auto first_only = static_cast<Gradient>(ties == Ties::first ? ~Gradient{0} : Gradient{0});
  for (std::int64_t u = 0; u < groups; ++u) {
    const Code* group = z + u * pieces;
    auto best = order(group[0]);
    for (std::int64_t p = 1; p < pieces; ++p) best = std::max(best, order(group[p]));
    auto open = static_cast<Gradient>(~Gradient{0});
    for (std::int64_t p = 0; p < pieces; ++p) {
      // Masks instead of branches: which piece wins is as good as random.
      const auto takes =
          static_cast<Gradient>(static_cast<int>(order(group[p]) == best) & static_cast<int>(!at_limit(group[p])));
      const auto mask = static_cast<Gradient>(static_cast<Gradient>(-takes) & open);
      open = static_cast<Gradient>(open & ~(mask & first_only));
      routed[u * pieces + p] = static_cast<Gradient>((d_y[u] & mask) | (zero & ~mask));
    }
  }
}

template <typename Function>
void with_pieces(std::int64_t pieces, Function function) {
  switch (pieces) {
    case 2: return function.template operator()<2>();
    case 3: return function.template operator()<3>();
    case 4: return function.template operator()<4>();
    case 5: return function.template operator()<5>();
    default: return function.template operator()<0>();
  }
}

/// Calls function(Code{}, order) for the tensor's code type.
template <typename Function>
void with_order(const Format& format, Function function) {
  if (format.family == Family::floating && code_type(format) != CodeType::f32) {
    const std::uint32_t sign_bit = format.is_signed ? 1U << (format.width - 1) : 1U << format.width;
    const SmallFloatOrder order = {sign_bit, format.has_infinity() ? infinity_code(format) : max_finite_code(format)};
    switch (code_type(format)) {
      case CodeType::u8: return function(std::uint8_t{}, order);
      case CodeType::u16: return function(std::uint16_t{}, order);
      default: return function(std::uint32_t{}, order);
    }
  }
  switch (code_type(format)) {
    case CodeType::i8: return function(std::int8_t{}, IntegerOrder<std::int8_t>{});
    case CodeType::u8: return function(std::uint8_t{}, IntegerOrder<std::uint8_t>{});
    case CodeType::i16: return function(std::int16_t{}, IntegerOrder<std::int16_t>{});
    case CodeType::u16: return function(std::uint16_t{}, IntegerOrder<std::uint16_t>{});
    case CodeType::i32: return function(std::int32_t{}, IntegerOrder<std::int32_t>{});
    case CodeType::u32: return function(std::uint32_t{}, IntegerOrder<std::uint32_t>{});
    default: return function(float{}, IntegerOrder<float>{});
  }
}

template <typename Code>
Code zero_code(const Format& format) {
  if constexpr (std::same_as<Code, float>) return 0;
  else return format.is_grid() ? static_cast<Code>(format.code_offset / format.code_multiplier) : Code{0};
}

/// The largest magnitudes of z's format in its own order.
template <typename Code>
auto limit_test(const Format& format, bool clipped) {
  if constexpr (std::same_as<Code, float>) {
    const float limit = format.has_range() ? std::ldexp(1.0F, format.range) : std::numeric_limits<float>::max();
    return [=](float value) { return clipped && std::fabs(value) >= limit; };
  } else {
    const bool floating = !format.is_grid();
    const std::int64_t high = floating ? std::int64_t{max_finite_code(format)} : format.max_code;
    const std::int64_t low = floating ? high : format.min_code;
    const std::int64_t magnitude_bits =
        floating ? (std::int64_t{1} << (format.exponent_bits + format.mantissa_bits)) - 1 : -1;
    return [=](Code code) {
      const std::int64_t magnitude = code & magnitude_bits;
      return clipped && (floating ? magnitude >= high : magnitude == high || magnitude == low);
    };
  }
}

constexpr std::int64_t kGrain = 16;

}  // namespace

void maxout_select(const Tensor& z, std::int64_t pieces, Tensor& y) {
  const std::int64_t columns = z.shape()[1];
  if (columns % pieces != 0)
    throw ShapeError("maxout: " + std::to_string(pieces) + " pieces do not divide " + std::to_string(columns) +
                     " columns");
  y.reset({z.shape()[0], columns / pieces}, z.format());
  const std::int64_t groups = columns / pieces;
  with_order(z.format(), [&]<typename Code, typename Order>(Code, Order order) {
    with_pieces(pieces, [&]<int kPieces>() {
      parallel_for(z.shape()[0], kGrain, [&](std::int64_t begin, std::int64_t end, int) {
        select_groups<kPieces>(z.codes<Code>().data() + begin * columns, (end - begin) * groups, pieces, order,
                               y.codes<Code>().data() + begin * groups);
      });
    });
  });
}

void maxout_route(const Tensor& z, const Tensor& d_y, std::int64_t pieces, Ties ties, bool clipped, Tensor& routed) {
  const std::int64_t columns = z.shape()[1];
  const std::int64_t groups = columns / pieces;
  routed.reset(z.shape(), d_y.format());
  const auto route = [&]<typename Code, typename Order, typename Gradient>(Code, Order order, Gradient) {
    with_pieces(pieces, [&]<int kPieces>() {
      parallel_for(z.shape()[0], kGrain, [&](std::int64_t begin, std::int64_t end, int) {
        route_groups<kPieces>(z.codes<Code>().data() + begin * columns, d_y.codes<Gradient>().data() + begin * groups,
                              (end - begin) * groups, pieces, ties, order, limit_test<Code>(z.format(), clipped),
                              zero_code<Gradient>(d_y.format()), routed.codes<Gradient>().data() + begin * columns);
      });
    });
  };
  with_order(z.format(), [&]<typename Code, typename Order>(Code code, Order order) {
    const std::int64_t zero = d_y.format().is_grid() ? d_y.format().code_offset : 0;
    switch (
        code_bytes(code_type(d_y.format()))) {  // gradients are moved, not compared: their width is all that matters
      case 1: return route(code, order, std::uint8_t(zero));
      case 2: return route(code, order, std::uint16_t(zero));
      default: return route(code, order, std::uint32_t(zero));
    }
  });
}

}  // namespace dyadic
