#include "dyadic/data/contrast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "tests/data/contrast_reference.h"

namespace dyadic {
namespace {

std::vector<std::uint8_t> noise(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint8_t> image(count);
  for (std::size_t i = 0; i < count; ++i) {
    image[i] = static_cast<std::uint8_t>(random_bits({seed, 0, 0}, i, 8));
  }
  return image;
}

TEST(Contrast, ScalesAnImageToItsNorm) {
  const auto image = noise(3072, 1);
  std::vector<double> out(image.size());
  normalise_to_norm(image, 55, out);
  const double mean = std::accumulate(image.begin(), image.end(), 0.0) / 3072;
  double norm = 0;
  for (const std::uint8_t value : image) norm += (value - mean) * (value - mean);
  norm = std::sqrt(norm);
  for (std::size_t i = 0; i < image.size(); ++i) EXPECT_NEAR(out[i], 55 * (image[i] - mean) / norm, 1e-13);
  EXPECT_NEAR(std::inner_product(out.begin(), out.end(), out.begin(), 0.0), 55 * 55, 1e-9);
}

TEST(Contrast, TurnsAnImageOfOneColourIntoZeros) {
  const std::vector<std::uint8_t> image(48, 77);
  std::vector<double> out(48, 1.0);
  normalise_to_norm(image, 55, out);
  EXPECT_EQ(out, std::vector<double>(48, 0.0));
  normalise_to_deviation(image, 10, out);
  EXPECT_EQ(out, std::vector<double>(48, 0.0));
}

TEST(Contrast, DividesByTheDeviationWithItsBias) {
  const std::vector<std::uint8_t> image = {0, 10, 20, 30};  // mean 15, variance 125
  std::vector<double> out(4);
  normalise_to_deviation(image, 10, out);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], (image[i] - 15.0) / std::sqrt(135.0), 1e-14);
}

TEST(LocalContrast, IsItsDefinitionOnEveryPixelAndChannel) {
  for (const Shape& shape : {Shape{9, 12, 3}, Shape{2, 5, 1}, Shape{32, 32, 3}}) {
    const auto bytes = noise(static_cast<std::size_t>(element_count(shape)), 5);
    std::vector<double> image(bytes.begin(), bytes.end());
    for (double& value : image) value = (value - 120) / 70;
    const auto expected = test::locally_normalised(shape, image);
    normalise_locally(shape, image);
    for (std::size_t i = 0; i < image.size(); ++i) ASSERT_NEAR(image[i], expected[i], 1e-12) << i;
  }
}

TEST(LocalContrast, LeavesZerosAndRefusesOtherShapes) {
  std::vector<double> image(5 * 5 * 3, 0.0);
  normalise_locally({5, 5, 3}, image);
  EXPECT_EQ(image, std::vector<double>(75, 0.0));
  EXPECT_THROW(normalise_locally({5, 5}, image), ShapeError);
  EXPECT_THROW(normalise_locally({5, 5, 1}, image), ShapeError);
}

}  // namespace
}  // namespace dyadic
