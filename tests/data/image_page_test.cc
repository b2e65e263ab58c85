#include "dyadic/data/image_page.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "dyadic/base/error.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;

ImageSet four_tiny_images() {
  ImageSet set;
  set.name = "tiny";
  set.shape = {1, 2, 1};
  set.classes = 10;
  set.labels = {0, 1, 2, 3};
  set.pixels = {0, 255, 10, 20, 30, 40, 50, 60};
  return set;
}

std::uint32_t word_at(const Bytes& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

/// Chunks of a PNG, lengths and checksums verified.
std::vector<std::pair<std::string, Bytes>> chunks(const Bytes& png) {
  EXPECT_EQ(Bytes(png.begin(), png.begin() + 8), (Bytes{0x89, 'P', 'N', 'G', 13, 10, 26, 10}));
  std::vector<std::pair<std::string, Bytes>> found;
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t size = word_at(png, at);
    const auto data = png.begin() + static_cast<std::ptrdiff_t>(at) + 8;
    EXPECT_EQ(crc32(0, &png[at + 4], static_cast<uInt>(size + 4)), word_at(png, at + 8 + size));
    found.emplace_back(std::string(data - 4, data), Bytes(data, data + static_cast<std::ptrdiff_t>(size)));
    at += 12 + size;
  }
  return found;
}

Bytes unpacked(const Bytes& packed) {
  Bytes raw(1000);
  uLongf size = raw.size();
  EXPECT_EQ(uncompress(raw.data(), &size, packed.data(), packed.size()), Z_OK);
  raw.resize(size);
  return raw;
}

TEST(ImagePage, PlacesImagesInReadingOrderDarkOnWhite) {
  const Page page = sample_page(four_tiny_images(), 2, 2);
  EXPECT_EQ(page.rows, 2);
  EXPECT_EQ(page.columns, 4);
  EXPECT_EQ(page.pixels, (Bytes{255, 0, 245, 235, 225, 215, 205, 195}));
}

TEST(ImagePage, NeedsEnoughImagesOfOneChannel) {
  EXPECT_THROW(sample_page(four_tiny_images(), 2, 3), ShapeError);
  EXPECT_THROW(sample_page(four_tiny_images(), 0, 1), ShapeError);
  ImageSet colour = four_tiny_images();
  colour.shape = {1, 1, 2};
  EXPECT_THROW(sample_page(colour, 1, 1), ShapeError);
}

TEST(ImagePage, ShowsColoursAsTheyAre) {
  ImageSet set = four_tiny_images();
  set.shape = {1, 1, 3};
  set.labels = {0, 1};
  set.pixels = {10, 20, 30, 40, 50, 255};
  const Page page = sample_page(set, 2, 1);
  EXPECT_EQ(page.channels, 3);
  EXPECT_EQ(page.columns, 2);
  EXPECT_EQ(page.pixels, set.pixels);
  const auto parts = chunks(png_bytes(page, 16));
  EXPECT_EQ(parts[0].second, (Bytes{0, 0, 0, 2, 0, 0, 0, 1, 8, 2, 0, 0, 0}));
  EXPECT_EQ(unpacked(parts[1].second), (Bytes{0, 17, 17, 34, 34, 51, 255}));
}

TEST(Png, HoldsThePixelsItWasGiven) {
  const Page page = sample_page(four_tiny_images(), 2, 2);
  const auto parts = chunks(png_bytes(page));
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].first, "IHDR");
  EXPECT_EQ(parts[0].second, (Bytes{0, 0, 0, 4, 0, 0, 0, 2, 8, 0, 0, 0, 0}));
  EXPECT_EQ(parts[1].first, "IDAT");
  EXPECT_EQ(unpacked(parts[1].second), (Bytes{0, 255, 0, 245, 235, 0, 225, 215, 205, 195}));
  EXPECT_EQ(parts[2].first, "IEND");
}

TEST(Png, PacksFewGreyLevelsAndRoundsToTheNearest) {
  const Page page{2, 3, {0, 255, 130, 16, 8, 9}};
  const auto parts = chunks(png_bytes(page, 16));
  EXPECT_EQ(parts[0].second[8], 4);
  // 255 / 15 = 17 to a level: 130 is 7.6 levels, 16 and 9 are nearest to 17, 8 to 0; half-filled bytes end in zeros.
  EXPECT_EQ(unpacked(parts[1].second), (Bytes{0, 0x0F, 0x80, 0, 0x10, 0x10}));
  EXPECT_THROW(png_bytes(page, 3), UsageError);
}

}  // namespace
}  // namespace dyadic
