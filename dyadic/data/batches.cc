#include "dyadic/data/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"

namespace dyadic {

std::vector<std::uint32_t> epoch_order(std::uint32_t count, std::uint64_t seed, std::uint32_t epoch, bool shuffled) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  if (!shuffled) return order;
  const RandomStream stream{seed, epoch, stream_number(0, 0, RandomPurpose::shuffle)};
  std::vector<std::uint64_t> keys(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const PhiloxBlock block = random_block(stream, i / 2);
    const std::size_t low = 2 * (i % 2);
    keys[i] = std::uint64_t{block[low + 1]} << 32 | block[low];
  }
  std::sort(order.begin(), order.end(),
            [&keys](std::uint32_t a, std::uint32_t b) { return keys[a] != keys[b] ? keys[a] < keys[b] : a < b; });
  return order;
}

SplitRanges split_ranges(const Split& split, const ImageSet& set) {
  if (split.train < 1 || split.valid < 0) {
    throw UsageError(
        fmt::format("data.split: train = {}, valid = {}: at least one training example is needed, and none is negative",
                    split.train, split.valid));
  }
  if (split.train > set.count() || split.valid > set.count() - split.train) {
    const std::int64_t valid = std::min(split.valid, set.count() / 10);
    throw UsageError(fmt::format(
        "data.split: train = {} and valid = {} need more than the {} examples of {}; they would do for --set "
        "data.split.train={} --set data.split.valid={}",
        split.train, split.valid, set.count(), set.name, set.count() - valid, valid));
  }
  return {{0, split.train}, {split.train, split.train + split.valid}};
}

}  // namespace dyadic
