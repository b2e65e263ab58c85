#include "dyadic/data/scenes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/cifar.h"
#include "dyadic/data/digit_pen.h"
#include "dyadic/data/find_files.h"
#include "dyadic/data/make_folder.h"
#include "dyadic/data/random_draw.h"

namespace dyadic {

namespace {

constexpr int kSceneClasses = 10;
constexpr std::size_t kSide = kSceneSide;
constexpr std::size_t kScenePixels = kSide * kSide;
constexpr double kMiddle = 0.5 * (kSceneSide - 1);

// How difficult the scenes are; docs/data.md has a measurement.
constexpr double kLowestHeight = 14;  // of a digit, in pixels
constexpr double kHighestHeight = 22;
constexpr double kLowestContrast = 0.13;  // of ink and background, black to white = 1
constexpr double kHighestContrast = 0.55;
constexpr double kNeighbourChance = 0.5;  // on each side
constexpr double kScratchChance = 0.35;
constexpr double kColourSpread = 0.13;  // of each primary about its grey
constexpr double kMostNoise = 0.11;     // of each primary of each pixel, to both sides

using Colour = std::array<double, 3>;

Colour colour_about(double grey, Draw& draw) {
  Colour colour{};
  for (double& primary : colour) primary = grey + kColourSpread * draw.bell();
  const double shift = grey - (colour[0] + colour[1] + colour[2]) / 3;  // the eye's weights do not matter here
  for (double& primary : colour) primary += shift;
  return colour;
}

/// Smooth noise in -1..1: random values on a grid of `cell` pixels, blended by a cubic.
class Texture {
 public:
  Texture(double cell, Draw& draw) : cell_(cell), across_(static_cast<std::size_t>(kSceneSide / cell) + 2) {
    knots_.resize(across_ * across_);
    for (double& knot : knots_) knot = draw.uniform(-1, 1);
  }
  [[nodiscard]] double at(std::size_t x, std::size_t y) const {
    const Place h = place(x);
    const Place v = place(y);
    const double* row = &knots_[v.first * across_ + h.first];
    const double* next = row + across_;
    const double upper = row[0] + (row[1] - row[0]) * h.blend;
    const double lower = next[0] + (next[1] - next[0]) * h.blend;
    return upper + (lower - upper) * v.blend;
  }

 private:
  struct Place {
    std::size_t first;
    double blend;
  };
  [[nodiscard]] Place place(std::size_t pixel) const {
    const double at = static_cast<double>(pixel) / cell_;
    const double whole = std::floor(at);
    const double t = at - whole;
    return {static_cast<std::size_t>(whole), t * t * (3 - 2 * t)};
  }

  double cell_;
  std::size_t across_;
  std::vector<double> knots_;
};

/// A picture in the making: three planes of 0..1, a little beyond in between.
class Canvas {
 public:
  Canvas(const Colour& from, const Colour& to, Draw& draw) {
    const double slope_x = draw.uniform(-1, 1);
    const double slope_y = draw.uniform(-1, 1);
    const Texture coarse(9, draw);
    const Texture fine(3.5, draw);
    const double coarse_strength = draw.uniform(0, 0.16);
    const double fine_strength = draw.uniform(0, 0.12);
    for (std::size_t y = 0; y < kSide; ++y) {
      for (std::size_t x = 0; x < kSide; ++x) {
        const double along =
            slope_x * (static_cast<double>(x) - kMiddle) + slope_y * (static_cast<double>(y) - kMiddle);
        const double part = std::clamp(0.5 + along / kSceneSide, 0.0, 1.0);
        const double relief = coarse_strength * coarse.at(x, y) + fine_strength * fine.at(x, y);
        for (std::size_t primary = 0; primary < 3; ++primary) {
          planes_[primary][y * kSide + x] = from[primary] + (to[primary] - from[primary]) * part + relief;
        }
      }
    }
  }

  void paint(const std::vector<InkSegment>& segments, const Colour& ink, double edge) {
    const std::vector<double> cover = draw_segments(segments, kSceneSide, kSceneSide, edge);
    for (std::size_t primary = 0; primary < 3; ++primary) {
      for (std::size_t at = 0; at < kScenePixels; ++at) {
        double& value = planes_[primary][at];
        value += (ink[primary] - value) * cover[at];
      }
    }
  }

  /// Light that falls off, noise, bytes.
  void develop(Draw& draw, std::uint8_t* pixels) const {
    const double light = draw.uniform(0.75, 1.1);
    const double fall_x = draw.uniform(-0.012, 0.012);
    const double fall_y = draw.uniform(-0.012, 0.012);
    const double noise = draw.uniform(0.01, kMostNoise);
    for (std::size_t at = 0; at < kScenePixels; ++at) {
      const double x = static_cast<double>(at % kSide) - kMiddle;
      const double y = static_cast<double>(at / kSide) - kMiddle;
      const double here = light * (1 + fall_x * x + fall_y * y);
      for (std::size_t primary = 0; primary < 3; ++primary) {
        const double value = planes_[primary][at] * here + noise * draw.uniform(-1, 1);
        *pixels++ = static_cast<std::uint8_t>(std::floor(std::clamp(value, 0.0, 1.0) * 255.0 + 0.5));
      }
    }
  }

 private:
  std::array<std::array<double, kScenePixels>, 3> planes_{};
};

/// A grey at least so far from `ground` and inside 0.02 .. 0.98, on either side where there is room.
double grey_against(double ground, double contrast, Draw& draw) {
  const bool wants_lighter = draw.chance(0.5);
  const bool can_lighter = ground + contrast <= 0.98;
  const bool can_darker = ground - contrast >= 0.02;
  const bool lighter = can_lighter && (wants_lighter || !can_darker);
  return lighter ? ground + contrast : ground - contrast;
}

/// Another digit of the same number, half out of the picture.
void paint_neighbour(double side, double height, double edge, const Colour& ink, Draw& draw, Canvas& canvas) {
  const double distance = draw.uniform(0.72, 1.0) * height;
  const int digit = static_cast<int>(draw.uniform(0, kSceneClasses));
  canvas.paint(write_digit(digit, {height, {kMiddle + side * distance, kMiddle}, 1.0}, draw).segments, ink, edge);
}

void paint_scratch(const Colour& ink, double edge, Draw& draw, Canvas& canvas) {
  const StrokePoint from{draw.uniform(0, kSceneSide - 1), draw.uniform(0, kSceneSide - 1)};
  const StrokePoint to{from.x + 7 * draw.bell(), from.y + 7 * draw.bell()};
  canvas.paint({{from, to, draw.uniform(0.3, 0.9), 0.9}}, ink, edge);
}

void make_scene(int digit, Draw& draw, std::uint8_t* pixels) {
  const double ground = draw.uniform(0.12, 0.88);
  const double contrast = draw.uniform(kLowestContrast, kHighestContrast);
  const Colour ink = colour_about(grey_against(ground, contrast, draw), draw);
  const Colour from = colour_about(ground, draw);
  const Colour to = colour_about(ground, draw);
  const double height = draw.uniform(kLowestHeight, kHighestHeight);
  const double edge = draw.uniform(1.0, 2.6);
  Canvas canvas(from, to, draw);
  for (const double side : {-1.0, 1.0}) {
    if (draw.chance(kNeighbourChance)) paint_neighbour(side, height, edge, ink, draw, canvas);
  }
  canvas.paint(write_digit(digit, {height, {kMiddle, kMiddle}, 1.6}, draw).segments, ink, edge);
  if (draw.chance(kScratchChance)) paint_scratch(colour_about(draw.uniform(), draw), edge, draw, canvas);
  canvas.develop(draw, pixels);
}

}  // namespace

ImageSet generate_scenes(ScenePart part, std::int64_t count, std::uint64_t seed) {
  if (count < 1 || count > 10000000) {
    throw UsageError("scenes: " + std::to_string(count) + " images asked for, 1..10000000 can be made");
  }
  ImageSet set;
  set.name = part == ScenePart::train ? "scenes train" : "scenes test";
  set.shape = {kSceneSide, kSceneSide, 3};
  set.classes = kSceneClasses;
  set.pixels.resize(static_cast<std::size_t>(count) * kScenePixels * 3);
  set.labels.resize(static_cast<std::size_t>(count));
  const std::uint32_t stream = stream_number(static_cast<std::uint32_t>(part), 1, RandomPurpose::augmentation);
  parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      Draw draw({seed, static_cast<std::uint32_t>(i), stream});
      const int digit = static_cast<int>(draw.uniform(0, kSceneClasses));
      make_scene(digit, draw, &set.pixels[static_cast<std::size_t>(i) * kScenePixels * 3]);
      set.labels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(digit);
    }
  });
  return set;
}

DataSet generate_scenes_set(std::uint64_t seed, std::int64_t train_count, std::int64_t test_count) {
  DataSet set;
  set.name = "scenes";
  set.origin = "generated, seed " + std::to_string(seed);
  set.train = generate_scenes(ScenePart::train, train_count, seed);
  set.test = generate_scenes(ScenePart::test, test_count, seed);
  set.fingerprint = data_fingerprint(set.train, set.test);
  return set;
}

std::vector<std::string> find_scenes(const DataSetRow& row, const std::string& directory) {
  return find_cifar_files(row, {(std::filesystem::path(directory) / row.name).string()});
}

DataSet load_or_generate_scenes(const DataSetRow& row, const std::string& directory) {
  if (!is_present(std::filesystem::path(directory) / row.name)) return row.generate(kDefaultSeed);
  return read_cifar_files(row, row.find(row, directory));
}

void make_scenes(const DataSetRow& row, const MakeRequest& request) { make_generated(row, request, write_cifar); }

}  // namespace dyadic
