// Integer thresholds: what batch normalisation and a staircase are once the sums before them are exact integers and the
// network no longer learns. For each channel a sorted list of `steps` thresholds t and a direction d, 1 or -1:
//
//   code = number of t with d z >= t
//
// so d = -1 is a channel whose factor is negative, and thresholds below or above every sum freeze one.
// dyadic/nn/thresholds.h finds them. Elements are independent of each other: same codes for any number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "dyadic/kernels/product.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct ChannelThresholds {
  std::int64_t channels = 0;
  std::int64_t steps = 0;                // per channel: states of the code, less one
  std::vector<std::int32_t> values;      // [steps, channels], each channel's from the least up
  std::vector<std::int32_t> directions;  // [channels]: 1 or -1
};

/// The codes, of type u8 or u16, of all of z [..., channels], integers that are their codes (a fixed format), into
/// `codes`. Sums are above -2^31. Throws ShapeError.
void count_thresholds(const Tensor& z, const ChannelThresholds& thresholds, void* codes, CodeType type);

/// The same of int32 tiles of a product or convolution with `thresholds.channels` columns, without keeping the sums:
/// consume() is the product's consumer. `codes`: [rows, channels].
class ThresholdEpilogue {
 public:
  ThresholdEpilogue(const ChannelThresholds& thresholds, void* codes, CodeType type)
      : thresholds_(thresholds), codes_(codes), type_(type) {}

  static void consume(void* self, const SumTile& tile, int part);

 private:
  const ChannelThresholds& thresholds_;
  void* codes_;
  CodeType type_;
};

}  // namespace dyadic
