#include "dyadic/kernels/convolution_plan.h"

#include <algorithm>
#include <limits>

namespace dyadic::convolution {
namespace {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// An operand of a product: integers or floats, decided once.
struct Operand {
  ConvolutionOperand integers;  // type f32 for floats: only `codes` counts

  [[nodiscard]] bool is_float() const { return integers.type == CodeType::f32; }
};

/// Everything the products of one convolution share.
struct Job {
  const product::EngineSet& engines;
  const ConvolutionShape& shape;
  Operand a, b;
  SumType type;
  Options options;
  SumConsumer consume;
  void* context;

  void run(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& rows,
           const IntegerOperand& columns, const product::OutputMap& output,
           const product::PackedSide* packed = nullptr) const {
    product::ProductPlan plan;
    if (a.is_float()) {
      const auto as_float = [](const IntegerOperand& operand) {
        return FloatOperand{static_cast<const float*>(operand.codes), operand.row_stride, operand.depth_stride,
                            operand.gather};
      };
      plan = product::plan_float_product(engines, m, n, depth, as_float(rows), as_float(columns));
    } else {
      const product::PlanChoice choice = packed != nullptr ? packed->choice : product::PlanChoice();
      plan = product::plan_integer_product(engines, m, n, depth, rows, columns, type, choice);
      if (packed != nullptr) product::use_packed_columns(plan, *packed);
    }
    plan.output = output;
    plan.shared_bytes = options.shared_bytes;
    product::run_product(plan, consume, context);
  }
};

/// The view of an operand without strides: gathered.
IntegerOperand gathered(const Operand& operand, const product::Gather& gather, bool decodes) {
  const ConvolutionOperand& from = operand.integers;
  IntegerOperand out;
  out.type = decodes ? CodeType::i32 : from.type;
  out.multiplier = decodes ? 1 : from.multiplier;
  out.offset = decodes ? 0 : from.offset;
  out.max_magnitude = from.max_magnitude;
  out.gather = &gather;
  return out;
}

bool has_zero_code(const ConvolutionOperand& operand) {
  if (operand.type == CodeType::f32) return true;
  if (operand.offset % operand.multiplier != 0) return false;
  const std::int64_t code = operand.offset / operand.multiplier;
  constexpr std::int64_t kLow[] = {-128, 0, -32768, 0, std::numeric_limits<std::int32_t>::min(), 0};
  constexpr std::int64_t kHigh[] = {
      127, 255, 32767, 65535, std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::uint32_t>::max()};
  return code >= kLow[static_cast<int>(operand.type)] && code <= kHigh[static_cast<int>(operand.type)];
}

Picture picture_of(const Operand& operand, std::int64_t batch, std::int64_t tensor_channels, Axis h, Axis w) {
  Picture picture;
  picture.codes = operand.integers.codes;
  picture.type = operand.integers.type;
  picture.batch = batch;
  picture.pixel_stride = tensor_channels;
  picture.decodes = (h.is_padded() || w.is_padded()) && !has_zero_code(operand.integers);
  picture.multiplier = operand.integers.multiplier;
  picture.offset = operand.integers.offset;
  picture.zero_code = operand.is_float() ? 0 : operand.integers.offset / operand.integers.multiplier;
  picture.h = std::move(h);
  picture.w = std::move(w);
  return picture;
}

/// Taps of the kernel along one axis that a picture's taps stand for.
using TapNumbers = std::vector<std::int64_t>;

Weights weights_of(const Operand& operand, const ConvolutionShape& shape, std::int64_t group, const TapNumbers& taps_h,
                   const TapNumbers& taps_w) {
  Weights weights;
  weights.type = operand.integers.type;
  weights.outputs = shape.group_outputs();
  weights.channels = shape.group_channels();
  weights.output_stride = shape.kernel_h * shape.kernel_w * weights.channels;
  const auto* codes = static_cast<const std::byte*>(operand.integers.codes);
  if (codes == nullptr) return weights;  // packed already
  weights.codes = codes + group * weights.outputs * weights.output_stride * code_bytes(weights.type);
  for (const std::int64_t kh : taps_h) {
    for (const std::int64_t kw : taps_w) weights.taps.push_back((kh * shape.kernel_w + kw) * weights.channels);
  }
  return weights;
}

/// Takes pixels of a grid home to rows of the output: position p lies at first + p * step.
struct GridMap {
  std::int64_t positions_h, positions_w;
  std::int64_t first_h, step_h, first_w, step_w;
  std::int64_t height, width;  // of the output

  static void rows(const void* context, std::int64_t row, std::int64_t count, std::int64_t* output_rows) {
    const auto& map = *static_cast<const GridMap*>(context);
    std::int64_t w = row % map.positions_w;
    std::int64_t h = row / map.positions_w % map.positions_h;
    std::int64_t n = row / map.positions_w / map.positions_h;
    for (std::int64_t i = 0; i < count; ++i) {
      output_rows[i] = (n * map.height + map.first_h + h * map.step_h) * map.width + map.first_w + w * map.step_w;
      if (++w < map.positions_w) continue;
      w = 0;
      if (++h < map.positions_h) continue;
      h = 0;
      ++n;
    }
  }
  [[nodiscard]] bool is_identity() const { return positions_h == height && positions_w == width; }
};

/// Positions that the same taps reach.
struct Segment {
  Part taps, positions;
};

std::vector<Segment> segments_of(const Axis& axis, bool split) {
  if (!split) return {{{0, axis.taps()}, {0, axis.positions}}};
  std::vector<Segment> segments;
  for (std::int64_t p = 0; p < axis.positions; ++p) {
    const Part taps = axis.taps_at(p);
    if (!segments.empty() && segments.back().taps.begin == taps.begin && segments.back().taps.end == taps.end) {
      segments.back().positions.end = p + 1;
    } else {
      segments.push_back({taps, {p, p + 1}});
    }
  }
  return segments;
}

/// A picture's axis, which taps of the kernel its taps are, and where its positions lie in the output.
struct Side {
  Axis axis;
  TapNumbers taps;
  std::int64_t first = 0, step = 1;
};

TapNumbers part_of(const TapNumbers& taps, const Part& part) {
  return {taps.begin() + part.begin, taps.begin() + part.end};
}

/// Rows are pixels of a grid, columns outputs of the weights (forward) or their channels (input gradient).
void run_pixels(const Job& job, bool forward, const Side& side_h, const Side& side_w, std::int64_t height,
                std::int64_t width) {
  const ConvolutionShape& shape = job.shape;
  const std::int64_t in_channels = forward ? shape.group_channels() : shape.group_outputs();
  const std::int64_t columns = forward ? shape.group_outputs() : shape.group_channels();
  for (const Segment& h : segments_of(side_h.axis, job.options.split)) {
    for (const Segment& w : segments_of(side_w.axis, job.options.split)) {
      const GridMap map = {h.positions.size(),
                           w.positions.size(),
                           side_h.first + h.positions.begin * side_h.step,
                           side_h.step,
                           side_w.first + w.positions.begin * side_w.step,
                           side_w.step,
                           height,
                           width};
      Picture picture = picture_of(job.a, shape.batch, in_channels * shape.groups, side_h.axis.cut(h.taps, h.positions),
                                   side_w.axis.cut(w.taps, w.positions));
      picture.channels = in_channels;
      const product::Gather pixels = picture.gather(true);
      for (std::int64_t group = 0; group < shape.groups; ++group) {
        picture.channel_begin = group * in_channels;
        const Weights weights =
            weights_of(job.b, shape, group, part_of(side_h.taps, h.taps), part_of(side_w.taps, w.taps));
        const product::Gather rows = forward ? weights.by_output() : weights.by_channel();
        product::OutputMap output;
        output.column = group * columns;
        output.rows = map.is_identity() ? nullptr : &GridMap::rows;
        output.context = &map;
        job.run(picture.pixels(), columns, picture.columns(), gathered(job.a, pixels, picture.decodes),
                gathered(job.b, rows, false), output,
                job.options.packed.empty() ? nullptr : &job.options.packed[static_cast<std::size_t>(group)]);
      }
    }
  }
}

Side forward_side(std::int64_t extent, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                  std::int64_t dilation) {
  Side side;
  side.axis = {extent, out, stride, {}};
  for (std::int64_t k = 0; k < kernel; ++k) {
    side.axis.first.push_back(k * dilation - pad);
    side.taps.push_back(k);
  }
  return side;
}

/// Input positions i = residue + stride * p. Tap k reads them from output position (i + pad - k * dilation) / stride,
/// if that divides.
Side backward_side(std::int64_t extent, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                   std::int64_t dilation, std::int64_t residue) {
  Side side;
  side.axis = {out, divide_up(extent - residue, stride), 1, {}};
  side.first = residue;
  side.step = stride;
  for (std::int64_t k = 0; k < kernel; ++k) {
    const std::int64_t from = residue + pad - k * dilation;
    if (from % stride != 0) continue;
    side.axis.first.push_back(from / stride);
    side.taps.push_back(k);
  }
  return side;
}

void run_forward(const Job& job) {
  const ConvolutionShape& s = job.shape;
  run_pixels(job, true, forward_side(s.height, s.out_height(), s.kernel_h, s.stride_h, s.pad_top, s.dilation_h),
             forward_side(s.width, s.out_width(), s.kernel_w, s.stride_w, s.pad_left, s.dilation_w), s.out_height(),
             s.out_width());
}

void run_input_gradient(const Job& job) {
  const ConvolutionShape& s = job.shape;
  for (std::int64_t h = 0; h < std::min(s.stride_h, s.height); ++h) {
    const Side side_h = backward_side(s.height, s.out_height(), s.kernel_h, s.stride_h, s.pad_top, s.dilation_h, h);
    for (std::int64_t w = 0; w < std::min(s.stride_w, s.width); ++w) {
      run_pixels(job, false, side_h,
                 backward_side(s.width, s.out_width(), s.kernel_w, s.stride_w, s.pad_left, s.dilation_w, w), s.height,
                 s.width);
    }
  }
}

/// dz as a picture of which all pixels of some rows and columns are seen through one tap.
Axis seen_whole(std::int64_t extent, const Part& positions) { return {extent, positions.size(), 1, {positions.begin}}; }

void run_weight_gradient_taps(const Job& job, const Side& side_h, const Side& side_w, const Part& taps_h,
                              const Part& taps_w) {
  const ConvolutionShape& shape = job.shape;
  const Part rows = job.options.split ? side_h.axis.positions_of(taps_h.begin) : Part{0, side_h.axis.positions};
  const Part columns = job.options.split ? side_w.axis.positions_of(taps_w.begin) : Part{0, side_w.axis.positions};
  Picture x =
      picture_of(job.b, shape.batch, shape.channels, side_h.axis.cut(taps_h, rows), side_w.axis.cut(taps_w, columns));
  Picture dz = picture_of(job.a, shape.batch, shape.outputs, seen_whole(side_h.axis.positions, rows),
                          seen_whole(side_w.axis.positions, columns));
  x.channels = shape.group_channels();
  dz.channels = shape.group_outputs();
  const product::Gather x_columns = x.gather(false);
  const product::Gather dz_columns = dz.gather(false);
  const bool whole = rows.size() == side_h.axis.positions && columns.size() == side_w.axis.positions;
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    x.channel_begin = group * x.channels;
    dz.channel_begin = group * dz.channels;
    IntegerOperand a = gathered(job.a, dz_columns, false);
    if (whole) {  // dz as it lies
      a.gather = nullptr;
      a.codes = static_cast<const std::byte*>(job.a.integers.codes) + dz.channel_begin * code_bytes(dz.type);
      a.row_stride = 1;
      a.depth_stride = shape.outputs;
    }
    product::OutputMap output;
    output.row = group * dz.channels;
    output.column = (taps_h.begin * shape.kernel_w + taps_w.begin) * x.channels;
    job.run(dz.channels, x.columns(), x.pixels(), a, gathered(job.b, x_columns, x.decodes), output);
  }
}

void run_weight_gradient(const Job& job) {
  const ConvolutionShape& s = job.shape;
  const Side h = forward_side(s.height, s.out_height(), s.kernel_h, s.stride_h, s.pad_top, s.dilation_h);
  const Side w = forward_side(s.width, s.out_width(), s.kernel_w, s.stride_w, s.pad_left, s.dilation_w);
  if (!job.options.split) {
    return run_weight_gradient_taps(job, h, w, {0, s.kernel_h}, {0, s.kernel_w});
  }
  for (std::int64_t kh = 0; kh < s.kernel_h; ++kh) {
    for (std::int64_t kw = 0; kw < s.kernel_w; ++kw) {
      run_weight_gradient_taps(job, h, w, {kh, kh + 1}, {kw, kw + 1});
    }
  }
}

void run(const Job& job, ConvolutionProduct product) {
  switch (product) {
    case ConvolutionProduct::forward: return run_forward(job);
    case ConvolutionProduct::input_gradient: return run_input_gradient(job);
    default: return run_weight_gradient(job);
  }
}

}  // namespace

Part Axis::taps_at(std::int64_t position) const {
  Part part = {taps(), taps()};
  for (std::int64_t t = taps(); t-- > 0;) {
    const std::int64_t at = first[static_cast<std::size_t>(t)] + position * step;
    if (at < 0 || at >= extent) continue;
    if (part.begin == taps() && part.end == taps()) part.end = t + 1;
    part.begin = t;
  }
  return part.begin == taps() ? Part{} : part;
}

Part Axis::positions_of(std::int64_t tap) const {
  const std::int64_t from = first[static_cast<std::size_t>(tap)];
  const std::int64_t begin = from >= 0 ? 0 : divide_up(-from, step);
  const std::int64_t end = from >= extent ? 0 : (extent - 1 - from) / step + 1;
  const Part part = {std::min(begin, positions), std::min(end, positions)};
  return part.size() > 0 ? part : Part{};
}

bool Axis::is_padded() const {
  return std::ranges::any_of(first,
                             [this](std::int64_t at) { return at < 0 || at + (positions - 1) * step >= extent; });
}

Axis Axis::cut(const Part& taps, const Part& part) const {
  Axis out = {extent, part.size(), step, {}};
  for (std::int64_t t = taps.begin; t < taps.end; ++t) {
    out.first.push_back(first[static_cast<std::size_t>(t)] + part.begin * step);
  }
  return out;
}

bool can_pad(const ConvolutionOperand& operand) {
  return has_zero_code(operand) || operand.max_magnitude <= std::numeric_limits<std::int32_t>::max();
}

void run_integer(const product::EngineSet& engines, ConvolutionProduct product, const ConvolutionShape& shape,
                 const ConvolutionOperand& a, const ConvolutionOperand& b, SumType type, const Options& options,
                 SumConsumer consume, void* context) {
  run({engines, shape, {a}, {b}, type, options, consume, context}, product);
}

void run_float(const product::EngineSet& engines, ConvolutionProduct product, const ConvolutionShape& shape,
               const float* a, const float* b, const Options& options, SumConsumer consume, void* context) {
  const Operand rows = {{a, CodeType::f32}};
  const Operand columns = {{b, CodeType::f32}};
  run({engines, shape, rows, columns, SumType::f32, options, consume, context}, product);
}

}  // namespace dyadic::convolution
