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

}  // namespace

void relu_select(const Tensor& z, Tensor& y) {
  want_zero(z.format());
  y.reset(z.shape(), z.format());
  with_order(z.format(), [&]<typename Code, typename Order>(Code, Order order) {
    const Code zero = zero_code<Code>(z.format());
    const auto least = order(zero);
    const Code* from = z.codes<Code>().data();
    Code* to = y.codes<Code>().data();
    parallel_for(z.size(), kReluGrain, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = order(from[i]) > least ? from[i] : zero;
    });
  });
}

void relu_route(const Tensor& z, const Tensor& d_y, bool clipped, Tensor& routed) {
  want_zero(d_y.format());
  routed.reset(z.shape(), d_y.format());
  const auto route = [&]<typename Code, typename Order, typename Gradient>(Code, Order order, Gradient zero) {
    const auto least = order(zero_code<Code>(z.format()));
    const CodeLimit at_limit(z.format(), clipped);
    const Code* codes = z.codes<Code>().data();
    const Gradient* from = d_y.codes<Gradient>().data();
    Gradient* to = routed.codes<Gradient>().data();
    parallel_for(z.size(), kReluGrain, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        const bool passes = (static_cast<int>(order(codes[i]) > least) & static_cast<int>(!at_limit(codes[i]))) != 0;
        to[i] = passes ? from[i] : zero;
      }
    });
  };
  with_order(z.format(), [&]<typename Code, typename Order>(Code code, Order order) {
    const std::int64_t zero = d_y.format().is_grid() ? d_y.format().code_offset : 0;
    switch (code_bytes(code_type(d_y.format()))) {  // gradients are moved: their width is all that matters
      case 1: return route(code, order, static_cast<std::uint8_t>(zero));
      case 2: return route(code, order, static_cast<std::uint16_t>(zero));
      default: return route(code, order, static_cast<std::uint32_t>(zero));
    }
  });
}

}  // namespace dyadic
