// A generated stand-in for scanned digits: 28x28 grey images of pen strokes, made from a seed. No download, no licence,
// the same bytes on every machine, compiler and number of threads.
#pragma once

#include <cstdint>

#include "dyadic/data/dataset.h"

namespace dyadic {

inline constexpr int kDigitSide = 28;
inline constexpr std::uint64_t kDigitSeed = kDefaultSeed;
inline constexpr std::int64_t kDigitTrainCount = 60000;
inline constexpr std::int64_t kDigitTestCount = 10000;

/// Which images: training and test examples are drawn from the same distribution, at different counters.
enum class DigitPart : std::uint32_t { train = 0, test = 1 };

/// The first `count` images of a part. Image i depends on (seed, part, i) and on nothing else: its random numbers are
/// the 32-bit words of the Philox stream (node = part, role 0, augmentation) at step i.
ImageSet generate_digits(DigitPart part, std::int64_t count, std::uint64_t seed);

/// The whole set, with its fingerprint.
DataSet generate_digits_set(std::uint64_t seed, std::int64_t train_count = kDigitTrainCount,
                            std::int64_t test_count = kDigitTestCount);

}  // namespace dyadic
