#include "dyadic/data/stroke_raster.h"

#include <algorithm>
#include <cmath>

namespace dyadic {

namespace {

double distance_to(const InkSegment& segment, double x, double y) {
  const double along_x = segment.to.x - segment.from.x;
  const double along_y = segment.to.y - segment.from.y;
  const double away_x = x - segment.from.x;
  const double away_y = y - segment.from.y;
  const double length2 = along_x * along_x + along_y * along_y;
  const double place = length2 > 0 ? std::clamp((away_x * along_x + away_y * along_y) / length2, 0.0, 1.0) : 0.0;
  const double dx = away_x - place * along_x;
  const double dy = away_y - place * along_y;
  return std::sqrt(dx * dx + dy * dy);
}

/// First and one-past-last grid line within `reach` of the interval between a and b.
struct Lines {
  int begin;
  int end;
};
Lines lines_near(double a, double b, double reach, int count) {
  const double limit = count;
  return {static_cast<int>(std::clamp(std::floor(std::min(a, b) - reach), 0.0, limit)),
          static_cast<int>(std::clamp(std::floor(std::max(a, b) + reach) + 1, 0.0, limit))};
}

}  // namespace

std::vector<double> draw_segments(std::span<const InkSegment> segments, int rows, int columns, double edge) {
  std::vector<double> grid(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), 0.0);
  for (const InkSegment& segment : segments) {
    const double reach = segment.half_width + edge / 2;
    const Lines y_lines = lines_near(segment.from.y, segment.to.y, reach, rows);
    const Lines x_lines = lines_near(segment.from.x, segment.to.x, reach, columns);
    for (int y = y_lines.begin; y < y_lines.end; ++y) {
      for (int x = x_lines.begin; x < x_lines.end; ++x) {
        const double cover = std::clamp((reach - distance_to(segment, x, y)) / edge, 0.0, 1.0);
        double& pixel =
            grid[static_cast<std::size_t>(y) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(x)];
        pixel = std::max(pixel, cover * segment.ink);
      }
    }
  }
  return grid;
}

}  // namespace dyadic
