// A data set that the program reads instead of making its 70 000 digits: a few hundred images with a bright band whose
// height is the label, and noise.
#pragma once

#include <cstdint>
#include <string>

namespace dyadic {

inline constexpr std::int64_t kSmallTrain = 400;
inline constexpr std::int64_t kSmallTest = 200;

/// Writes DIRECTORY/digits/: four idx files.
void write_small_digits(const std::string& directory);

}  // namespace dyadic
