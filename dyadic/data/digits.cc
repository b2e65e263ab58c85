#include "dyadic/data/digits.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/philox.h"
#include "dyadic/data/digit_pen.h"
#include "dyadic/data/random_draw.h"
#include "dyadic/data/stroke_raster.h"

namespace dyadic {

namespace {

constexpr int kDigitClasses = 10;
constexpr std::size_t kDigitPixels = std::size_t{kDigitSide} * kDigitSide;

// How difficult the digits are (digit_pen.cc has the rest): with these figures a network with two hidden maxout layers,
// trained with dropout, stays between 1 and 3 % test error (docs/data.md has the measurement).
constexpr double kDigitHeight = 19.5;
constexpr double kShiftSpread = 1.35;
constexpr double kStrayChance = 0.12;   // a short stroke that does not belong
constexpr double kSpeckChance = 0.004;  // per pixel

std::vector<InkSegment> write(int digit, Draw& draw) {
  constexpr double kMiddle = 0.5 * (kDigitSide - 1);
  auto [segments, half_width] = write_digit(digit, {kDigitHeight, {kMiddle, kMiddle}, kShiftSpread}, draw);
  if (draw.chance(kStrayChance)) {
    const StrokePoint from{draw.uniform(3, kDigitSide - 4), draw.uniform(3, kDigitSide - 4)};
    const StrokePoint to{from.x + 2 * draw.bell(), from.y + 2 * draw.bell()};
    segments.push_back({from, to, 0.7 * half_width, 0.8});
  }
  return segments;
}

/// Ink to bytes: grain in the ink, specks on the paper.
void develop(const std::vector<double>& ink, Draw& draw, std::uint8_t* pixels) {
  const double darkness = draw.uniform(0.72, 1.0);
  const double grain = draw.uniform(0.0, 0.35);
  for (std::size_t i = 0; i < kDigitPixels; ++i) {
    const double word = draw.uniform();
    double value = ink[i] * darkness * (1 - grain * word);
    if (word < kSpeckChance) value = std::max(value, draw.uniform(0.2, 0.9));
    pixels[i] = static_cast<std::uint8_t>(std::floor(value * 255.0 + 0.5));
  }
}

}  // namespace

ImageSet generate_digits(DigitPart part, std::int64_t count, std::uint64_t seed) {
  if (count < 1 || count > 10000000)
    throw UsageError("digits: " + std::to_string(count) + " images asked for, 1..10000000 can be made");
  ImageSet set;
  set.name = part == DigitPart::train ? "digits train" : "digits test";
  set.shape = {kDigitSide, kDigitSide, 1};
  set.classes = kDigitClasses;
  set.pixels.resize(static_cast<std::size_t>(count) * kDigitPixels);
  set.labels.resize(static_cast<std::size_t>(count));
  const std::uint32_t stream = stream_number(static_cast<std::uint32_t>(part), 0, RandomPurpose::augmentation);
  parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      Draw draw({seed, static_cast<std::uint32_t>(i), stream});
      const int digit = static_cast<int>(draw.uniform(0, kDigitClasses));
      const std::vector<InkSegment> segments = write(digit, draw);
      const std::vector<double> ink = draw_segments(segments, kDigitSide, kDigitSide, draw.uniform(0.9, 1.6));
      develop(ink, draw, &set.pixels[static_cast<std::size_t>(i) * kDigitPixels]);
      set.labels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(digit);
    }
  });
  return set;
}

DataSet generate_digits_set(std::uint64_t seed, std::int64_t train_count, std::int64_t test_count) {
  DataSet set;
  set.name = "digits";
  set.origin = "generated, seed " + std::to_string(seed);
  set.train = generate_digits(DigitPart::train, train_count, seed);
  set.test = generate_digits(DigitPart::test, test_count, seed);
  set.fingerprint = data_fingerprint(set.train, set.test);
  return set;
}

}  // namespace dyadic
