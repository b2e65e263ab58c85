#include "dyadic/kernels/relu.h"

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/code_order.h"

namespace dyadic {
namespace {

constexpr std::int64_t kReluGrain = 1 << 14;

void want_zero(const Format& format) {
  if (format.code_multiplier != 1 || !format.has_zero)
    throw UsageError("relu: format " + format_name(format) + " has no zero");
}

/// Codes are moved and looked at as unsigned numbers: their width is all that matters.
template <typename Function>
void with_width(const Format& format, Function function) {
  switch (code_bytes(code_type(format))) {
    case 1: return function(std::uint8_t{});
    case 2: return function(std::uint16_t{});
    default: return function(std::uint32_t{});
  }
}

/// to[i] = from[i] where codes[i] is positive, else zero. Compilers make vectors of it: the arguments are copies, which
/// no store can reach, and every element is loaded, whether it is kept or not.
template <typename Code, typename Moved>
void move_positive(const Code* codes, PositiveCodes is_positive, const Moved* from, Moved zero, std::int64_t begin,
                   std::int64_t end, Moved* to) {
  for (std::int64_t i = begin; i < end; ++i) {
    const Moved moved = from[i];
    to[i] = is_positive(codes[i]) ? moved : zero;
  }
}

template <typename Code>
Code* codes_of(Tensor& tensor) {
  return static_cast<Code*>(tensor.data());
}
template <typename Code>
const Code* codes_of(const Tensor& tensor) {
  return static_cast<const Code*>(tensor.data());
}

}  // namespace

void relu_select(const Tensor& z, Tensor& y) {
  want_zero(z.format());
  y.reset(z.shape(), z.format());
  const PositiveCodes is_positive(z.format(), false);
  with_width(z.format(), [&]<typename Code>(Code) {
    const auto zero = zero_code<Code>(z.format());
    const Code* from = codes_of<Code>(z);
    Code* to = codes_of<Code>(y);
    parallel_for(z.size(), kReluGrain, [&](std::int64_t begin, std::int64_t end, int) {
      move_positive(from, is_positive, from, zero, begin, end, to);
    });
  });
}

void relu_route(const Tensor& z, const Tensor& d_y, bool clipped, Tensor& routed) {
  want_zero(d_y.format());
  routed.reset(z.shape(), d_y.format());
  const PositiveCodes passes(z.format(), clipped);
  with_width(z.format(), [&]<typename Code>(Code) {
    with_width(d_y.format(), [&]<typename Gradient>(Gradient) {
      const auto zero = zero_code<Gradient>(d_y.format());
      const Code* codes = codes_of<Code>(z);
      const Gradient* from = codes_of<Gradient>(d_y);
      Gradient* to = codes_of<Gradient>(routed);
      parallel_for(z.size(), kReluGrain, [&](std::int64_t begin, std::int64_t end, int) {
        move_positive(codes, passes, from, zero, begin, end, to);
      });
    });
  });
}

}  // namespace dyadic
