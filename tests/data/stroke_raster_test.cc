#include "dyadic/data/stroke_raster.h"

#include <gtest/gtest.h>

#include <vector>

namespace dyadic {
namespace {

TEST(StrokeRaster, IsFullInsideAndFallsLinearlyAcrossTheEdge) {
  // A horizontal pen of half width 1.25 along y = 3, edge 1: full up to 0.75 away, nothing from 1.75 on.
  const std::vector<InkSegment> pen = {{{2, 3}, {7, 3}, 1.25, 1.0}};
  const std::vector<double> grid = draw_segments(pen, 8, 10, 1.0);
  const auto at = [&](int y, int x) { return grid[static_cast<std::size_t>(10 * y + x)]; };
  for (int x = 2; x <= 7; ++x) {
    EXPECT_EQ(at(3, x), 1.0);
    EXPECT_EQ(at(2, x), 0.75);
    EXPECT_EQ(at(4, x), 0.75);
    EXPECT_EQ(at(1, x), 0.0);
    EXPECT_EQ(at(5, x), 0.0);
  }
  EXPECT_EQ(at(3, 1), 0.75);
  EXPECT_EQ(at(3, 8), 0.75);
  EXPECT_EQ(at(3, 0), 0.0);
}

TEST(StrokeRaster, KeepsTheDarkestInkAndDrawsDots) {
  const std::vector<InkSegment> ink = {
      {{1, 1}, {1, 1}, 0.5, 0.25}, {{1, 1}, {1, 1}, 0.5, 0.75}, {{1, 1}, {1, 1}, 0.5, 0.5}};
  const std::vector<double> grid = draw_segments(ink, 3, 3, 1.0);
  EXPECT_EQ(grid, (std::vector<double>{0, 0, 0, 0, 0.75, 0, 0, 0, 0}));
}

TEST(StrokeRaster, CutsWhatLiesOutsideTheGrid) {
  const std::vector<InkSegment> ink = {
      {{-100, -100}, {-50, -60}, 3, 1}, {{1e12, 0}, {1e12, 5}, 3, 1}, {{-5, 1}, {11, 1}, 0.5, 1}};
  const std::vector<double> grid = draw_segments(ink, 3, 4, 1.0);
  EXPECT_EQ(grid, (std::vector<double>{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace dyadic
