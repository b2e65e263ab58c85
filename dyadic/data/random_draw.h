// Random numbers for generated images.
#pragma once

#include <cstdint>

#include "dyadic/base/philox.h"

namespace dyadic {

/// The random numbers of one image, in the order of asking. C++ leaves the order of operands open, so no expression
/// outside braces asks twice, unless its value is the same either way.
class Draw {
 public:
  explicit Draw(const RandomStream& stream) : stream_(stream) {}

  /// [0, 1), 24 bits.
  double uniform() {
    if (next_ % 4 == 0) block_ = random_block(stream_, next_ / 4);
    return static_cast<double>(block_[next_++ % 4] >> 8) * 0x1p-24;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Mean 0, deviation 1, bell-shaped, never outside +-3.47: the sum of four uniforms. Exact but for one product.
  double bell() {
    const double sum = (uniform() + uniform()) + (uniform() + uniform());
    return (sum - 2.0) * 1.7320508075688772;
  }
  bool chance(double probability) { return uniform() < probability; }

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
  PhiloxBlock block_{};
};

}  // namespace dyadic
