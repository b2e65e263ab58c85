#include "dyadic/kernels/relu.h"

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/code_order.h"

namespace dyadic {
namespace {

constexpr std::int64_t kReluGrain = 1 << 14;

void want_zero(const Format& format) {
  if (!format.represents_zero()) throw UsageError("relu: format " + format_name(format) + " has no zero");
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

}  // namespace

void relu_select(const Tensor& z, Tensor& y) {
  want_zero(z.format());
  y.reset(z.shape(), z.format());
  const PositiveCodes is_positive(z.format(), false);
  with_code_width(z.format(), [&]<typename Code>(Code) {
    const auto zero = zero_code<Code>(z.format());
    const Code* from = z.codes<Code>().data();
    Code* to = y.codes<Code>().data();
    parallel_for(z.size(), kReluGrain, [&](std::int64_t begin, std::int64_t end, int) {
      move_positive(from, is_positive, from, zero, begin, end, to);
    });
  });
}

void relu_route(const Tensor& z, const Tensor& d_y, bool clipped, Tensor& routed) {
  want_zero(d_y.format());
  routed.reset(z.shape(), d_y.format());
  const PositiveCodes passes(z.format(), clipped);
  with_code_width(z.format(), [&]<typename Code>(Code) {
    with_code_width(d_y.format(), [&]<typename Gradient>(Gradient) {
      const auto zero = zero_code<Gradient>(d_y.format());
      const Code* codes = z.codes<Code>().data();
      const Gradient* from = d_y.codes<Gradient>().data();
      Gradient* to = routed.codes<Gradient>().data();
      parallel_for(z.size(), kReluGrain, [&](std::int64_t begin, std::int64_t end, int) {
        move_positive(codes, passes, from, zero, begin, end, to);
      });
    });
  });
}

}  // namespace dyadic
