// Ink on a small grid: line segments of varying width, drawn with smooth edges.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dyadic/data/digit_strokes.h"

namespace dyadic {

/// A piece of a pen stroke in pixels; pixel (column x, row y) has its centre at (x, y).
struct InkSegment {
  StrokePoint from;
  StrokePoint to;
  double half_width = 1;
  double ink = 1;  // how dark the pen writes, 0..1
};

/// Largest ink over all segments at each pixel of a rows x columns grid, row by row, in 0..1: full inside the stroke,
/// falling linearly to 0 over `edge` pixels around its border. Only + - * / and sqrt: the same on every machine.
std::vector<double> draw_segments(std::span<const InkSegment> segments, int rows, int columns, double edge);

}  // namespace dyadic
