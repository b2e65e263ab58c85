#include "dyadic/data/digit_pen.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "dyadic/data/digit_strokes.h"

namespace dyadic {

namespace {

// How far a hand strays.
constexpr double kJointSpread = 0.046;  // deviation of each joint, in heights
constexpr double kBendSpread = 0.09;    // deviation of the knots of the elastic field, in heights
constexpr double kRotation = 0.19;      // deviation of tan(angle / 2) times 2, about radians
constexpr double kShear = 0.20;
constexpr double kScaleSpread = 0.11;  // of width and height, each
constexpr double kGapChance = 0.25;    // the pen skips

/// A smooth random displacement of the plane: uniform cubic B-splines over a 5 x 5 grid of knots. (After Simard,
/// Steinkraus, Platt: "Best practices for convolutional neural networks", ICDAR 2003, who smooth noise; a spline needs
/// no exponential.)
class ElasticField {
 public:
  ElasticField(Draw& draw, double spread) {
    for (StrokePoint& knot : knots_) knot = {spread * draw.bell(), spread * draw.bell()};
  }

  /// Displacement at p, which lies within about +-0.75.
  [[nodiscard]] StrokePoint at(StrokePoint p) const {
    const Cell x = cell(p.x);
    const Cell y = cell(p.y);
    StrokePoint sum;
    for (std::size_t row = 0; row < 4; ++row) {
      for (std::size_t column = 0; column < 4; ++column) {
        const StrokePoint& knot = knots_[(y.first + row) * kKnots + x.first + column];
        const double weight = y.weights[row] * x.weights[column];
        sum.x = sum.x + weight * knot.x;
        sum.y = sum.y + weight * knot.y;
      }
    }
    return sum;
  }

 private:
  static constexpr std::size_t kKnots = 5;
  struct Cell {
    std::size_t first;
    std::array<double, 4> weights;
  };

  static Cell cell(double coordinate) {
    const double place = std::clamp((coordinate + 0.75) / 0.75, 0.0, 1.999);
    const double whole = std::floor(place);
    const double t = place - whole;
    const double s = 1 - t;
    const double t2 = t * t;
    const double t3 = t2 * t;
    return {static_cast<std::size_t>(whole),
            {s * s * s / 6, (3 * t3 - 6 * t2 + 4) / 6, (3 * t2 - 3 * t3 + 3 * t + 1) / 6, t3 / 6}};
  }

  std::array<StrokePoint, kKnots * kKnots> knots_;
};

/// Tilt, slant and stretch, then pixels. The rotation is given by t = tan(angle / 2), so no sine is needed.
class Placement {
 public:
  Placement(const Hand& hand, Draw& draw) {
    const double t = 0.5 * kRotation * draw.bell();
    const double cosine = (1 - t * t) / (1 + t * t);
    const double sine = 2 * t / (1 + t * t);
    const double shear = kShear * draw.bell();
    const double narrow = draw.uniform(0.8, 1.15);
    const double width = hand.height * (1 + kScaleSpread * draw.bell()) * narrow;
    const double height = hand.height * (1 + kScaleSpread * draw.bell());
    xx_ = width * cosine;
    xy_ = height * (cosine * shear - sine);
    yx_ = width * sine;
    yy_ = height * (sine * shear + cosine);
    shift_ = {hand.centre.x + hand.shift_spread * draw.bell(), hand.centre.y + hand.shift_spread * draw.bell()};
  }

  [[nodiscard]] StrokePoint apply(StrokePoint p) const {
    return {xx_ * p.x + xy_ * p.y + shift_.x, yx_ * p.x + yy_ * p.y + shift_.y};
  }

 private:
  double xx_, xy_, yx_, yy_;
  StrokePoint shift_;
};

const Skeleton& choose_skeleton(int digit, Draw& draw) {
  double left = draw.uniform(0, 100);
  const Skeleton* chosen = nullptr;
  for (const Skeleton& skeleton : digit_skeletons()) {
    if (skeleton.digit != digit) continue;
    chosen = &skeleton;
    left -= skeleton.share;
    if (left < 0) break;
  }
  return *chosen;
}

/// Strokes about the origin, every joint moved by a little.
std::vector<Stroke> jitter(const Skeleton& skeleton, Draw& draw) {
  std::vector<std::pair<StrokePoint, StrokePoint>> moved;
  std::vector<Stroke> strokes;
  for (const Stroke& stroke : skeleton.strokes) {
    Stroke& out = strokes.emplace_back();
    for (const StrokePoint& joint : stroke) {
      const auto known = std::find_if(moved.begin(), moved.end(), [&](const auto& pair) {
        return pair.first.x == joint.x && pair.first.y == joint.y;
      });
      if (known != moved.end()) {
        out.push_back(known->second);
        continue;
      }
      out.push_back({joint.x - 0.5 + kJointSpread * draw.bell(), joint.y - 0.5 + kJointSpread * draw.bell()});
      moved.emplace_back(joint, out.back());
    }
  }
  return strokes;
}

/// Catmull-Rom: a curve through all points, the ends continued in a straight line.
Stroke flatten(const Stroke& stroke) {
  constexpr int kPieces = 6;
  Stroke out{stroke.front()};
  const std::size_t last = stroke.size() - 1;
  for (std::size_t i = 0; i < last; ++i) {
    const StrokePoint b = stroke[i];
    const StrokePoint c = stroke[i + 1];
    const StrokePoint a = i > 0 ? stroke[i - 1] : StrokePoint{2 * b.x - c.x, 2 * b.y - c.y};
    const StrokePoint d = i + 2 <= last ? stroke[i + 2] : StrokePoint{2 * c.x - b.x, 2 * c.y - b.y};
    for (int piece = 1; piece <= kPieces; ++piece) {
      const double t = static_cast<double>(piece) / kPieces;
      const auto blend = [t](double p, double q, double r, double s) {
        const double cubic = 3 * (q - r) + (s - p);
        const double square = 2 * p - 5 * q + 4 * r - s;
        return q + 0.5 * t * ((r - p) + t * (square + t * cubic));
      };
      out.push_back({blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)});
    }
  }
  return out;
}

/// Inks a curve: the width changes along it, the pen may skip once.
void ink_curve(const Stroke& curve, double half_width, double taper, bool gap, Draw& draw,
               std::vector<InkSegment>& out) {
  const std::size_t pieces = curve.size() - 1;
  const double gap_begin = draw.uniform();
  const double gap_end = gap ? gap_begin + draw.uniform(0.08, 0.22) : gap_begin;
  for (std::size_t i = 0; i < pieces; ++i) {
    const double place = (static_cast<double>(i) + 0.5) / static_cast<double>(pieces);
    if (place >= gap_begin && place < gap_end) continue;
    out.push_back({curve[i], curve[i + 1], half_width * (1 + taper * (place - 0.5)), 1.0});
  }
}

}  // namespace

WrittenDigit write_digit(int digit, const Hand& hand, Draw& draw) {
  const std::vector<Stroke> strokes = jitter(choose_skeleton(digit, draw), draw);
  const ElasticField field(draw, kBendSpread);
  const Placement placement(hand, draw);
  const double pen = draw.uniform(0.6, 1.3);
  const double pressure = draw.uniform();  // few press hard: the product leans to zero
  const double half_width = pen + 0.6 * pressure * draw.uniform();
  const bool gap = draw.chance(kGapChance);
  const std::size_t gap_stroke = static_cast<std::size_t>(draw.uniform(0, static_cast<double>(strokes.size())));
  std::vector<InkSegment> segments;
  for (std::size_t i = 0; i < strokes.size(); ++i) {
    Stroke curve = flatten(strokes[i]);
    for (StrokePoint& p : curve) {
      const StrokePoint bend = field.at(p);
      p = placement.apply({p.x + bend.x, p.y + bend.y});
    }
    ink_curve(curve, half_width, 0.35 * draw.bell(), gap && i == gap_stroke, draw, segments);
  }
  return {std::move(segments), half_width};
}

}  // namespace dyadic
