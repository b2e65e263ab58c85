// A generated stand-in for CIFAR-10 and SVHN: colour images of 32x32 of a digit before a textured background, with
// neighbours that look in from the sides, made from a seed. The same bytes on every machine, compiler and number of
// threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

inline constexpr int kSceneSide = 32;
inline constexpr std::int64_t kSceneTrainCount = 50000;
inline constexpr std::int64_t kSceneTestCount = 10000;

enum class ScenePart : std::uint32_t { train = 0, test = 1 };

/// The first `count` images of a part. Image i depends on (seed, part, i) and on nothing else: its random numbers are
/// the 32-bit words of the Philox stream (node = part, role 1, augmentation) at step i. Throws UsageError.
ImageSet generate_scenes(ScenePart part, std::int64_t count, std::uint64_t seed);

/// The whole set, with its fingerprint.
DataSet generate_scenes_set(std::uint64_t seed, std::int64_t train_count = kSceneTrainCount,
                            std::int64_t test_count = kSceneTestCount);

/// Files in the form of CIFAR-10, in DIRECTORY/NAME only; the set is generated where that folder does not exist.
std::vector<std::string> find_scenes(const DataSetRow& row, const std::string& directory);
DataSet load_or_generate_scenes(const DataSetRow& row, const std::string& directory);
void make_scenes(const DataSetRow& row, const MakeRequest& request);

}  // namespace dyadic
