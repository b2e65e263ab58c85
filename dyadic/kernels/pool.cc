// Windows are visited in row-major order; inside, every loop runs over a stretch of channels, which are neighbours in
// memory, so that the compiler makes vectors of them. Work is split into strips of rows of what is written; a window
// that reaches into two strips is looked at twice, and no sum is ever split.
#include "dyadic/kernels/pool.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/code_order.h"
#include "dyadic/kernels/pool_loops.h"
#include "dyadic/kernels/quantize.h"

namespace dyadic {
namespace {

using pool::kStretch;

/// Elements of a strip of sums: what stays in a cache of level 2 together with the codes that it is made of.
constexpr std::int64_t kStripElements = 32 * 1024;
constexpr std::int64_t kMaxPoolExtent = std::int64_t{1} << 40;

struct Interval {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// One axis of a pool.
struct Axis {
  std::int64_t extent, size, stride, pad;
  std::int64_t windows;

  /// Elements of a window; never empty.
  [[nodiscard]] Interval elements(std::int64_t window) const {
    const std::int64_t begin = window * stride - pad;
    return {std::max<std::int64_t>(0, begin), std::min(extent, begin + size)};
  }
  /// Windows that reach into elements [begin, end).
  [[nodiscard]] Interval windows_of(std::int64_t begin, std::int64_t end) const {
    const std::int64_t before = begin + pad - size + 1;  // a window that begins here or later reaches `begin`
    const std::int64_t first = before <= 0 ? 0 : (before + stride - 1) / stride;
    return {std::min(first, windows), std::min(windows, (end - 1 + pad) / stride + 1)};
  }
};

std::int64_t window_count(std::int64_t extent, std::int64_t size, std::int64_t stride, std::int64_t pad, bool partial) {
  const std::int64_t beyond_first = extent + 2 * pad - size;
  if (!partial) return beyond_first / stride + 1;
  const std::int64_t count = beyond_first <= 0 ? 1 : (beyond_first + stride - 1) / stride + 1;
  return (count - 1) * stride < extent + pad ? count : count - 1;
}

Axis axis_h(const PoolShape& shape) {
  return {shape.height, shape.size_h, shape.stride_h, shape.pad_h, shape.out_height()};
}
Axis axis_w(const PoolShape& shape) {
  return {shape.width, shape.size_w, shape.stride_w, shape.pad_w, shape.out_width()};
}

void check_axis(const char* axis, std::int64_t extent, std::int64_t size, std::int64_t stride, std::int64_t pad,
                bool partial) {
  const auto refuse = [&](const char* what, std::int64_t value, const std::string& bound) {
    throw ShapeError(std::string("pool: ") + axis + " " + what + " " + std::to_string(value) + " is outside " + bound);
  };
  if (extent < 1 || extent > kMaxPoolExtent) refuse("extent", extent, "1..2^40");
  if (size < 1 || size > kMaxPoolExtent) refuse("size", size, "1..2^40");
  if (stride < 1 || stride > kMaxPoolExtent) refuse("stride", stride, "1..2^40");
  if (pad < 0 || pad >= size) refuse("padding", pad, "0..size - 1");
  if (!partial && size > extent + 2 * pad) refuse("size", size, "the padded input: use partial windows");
}

void expect_shape(const char* what, const Tensor& tensor, const Shape& shape) {
  if (tensor.shape() == shape) return;
  throw ShapeError(std::string("pool: ") + what + " has shape " + shape_text(tensor.shape()) + " instead of " +
                   shape_text(shape));
}

Shape input_shape(const PoolShape& shape) { return {shape.batch, shape.height, shape.width, shape.channels}; }
Shape output_shape(const PoolShape& shape) {
  return {shape.batch, shape.out_height(), shape.out_width(), shape.channels};
}

/// Calls body(image, first row, end row, part) for strips of about kStripElements of `batch` pictures.
template <typename Body>
void for_strips(std::int64_t batch, std::int64_t rows, std::int64_t row_elements, const Body& body) {
  const std::int64_t strip = std::clamp<std::int64_t>(kStripElements / row_elements, 1, rows);
  const std::int64_t strips = (rows + strip - 1) / strip;
  parallel_for(batch * strips, 1, [&](std::int64_t begin, std::int64_t end, int part) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t first = index % strips * strip;
      body(index / strips, first, std::min(rows, first + strip), part);
    }
  });
}

template <typename Body>
void for_stretches(std::int64_t channels, const Body& body) {
  for (std::int64_t c = 0; c < channels; c += kStretch) body(c, static_cast<int>(std::min(kStretch, channels - c)));
}

/// A window's elements as offsets from the image's first code, in row-major order.
template <typename Body>
void for_elements(const PoolShape& shape, const Interval& h, const Interval& w, const Body& body) {
  for (std::int64_t i = h.begin; i < h.end; ++i) {
    for (std::int64_t j = w.begin; j < w.end; ++j) body(i, j, (i * shape.width + j) * shape.channels);
  }
}

template <typename Code, typename Order>
void select(const Tensor& z, const PoolShape& shape, Order order, Tensor& y) {
  using Ordered = decltype(order(Code{}));
  const Axis rows = axis_h(shape), columns = axis_w(shape);
  const auto* from = static_cast<const Code*>(z.data());
  auto* to = static_cast<Code*>(y.data());
  for_strips(shape.batch, rows.windows, columns.windows * shape.channels,
             [&](std::int64_t n, std::int64_t begin, std::int64_t end, int) {
               const Code* image = from + n * shape.height * shape.width * shape.channels;
               for (std::int64_t oh = begin; oh < end; ++oh) {
                 for (std::int64_t ow = 0; ow < columns.windows; ++ow) {
                   Code* out = to + ((n * rows.windows + oh) * columns.windows + ow) * shape.channels;
                   const Interval h = rows.elements(oh), w = columns.elements(ow);
                   for_stretches(shape.channels, [&](std::int64_t c, int count) {
                     std::array<Ordered, kStretch> best;
                     pool::begin_maximum(image + (h.begin * shape.width + w.begin) * shape.channels + c, count, order,
                                         out + c, best.data());
                     for_elements(shape, h, w, [&](std::int64_t, std::int64_t, std::int64_t at) {
                       pool::take_larger(image + at + c, count, order, out + c, best.data());
                     });
                   });
                 }
               }
             });
}

/// What of a gradient's code the sums add.
template <typename Sum>
using GradientReader = void (*)(const Tensor& d_y, std::int64_t first, std::int64_t n, Sum* out);

template <typename Code, typename Sum>
void read_integers(const Tensor& d_y, std::int64_t first, std::int64_t n, Sum* out) {
  const auto* codes = static_cast<const Code*>(d_y.data()) + first;
  const auto multiplier = static_cast<Sum>(d_y.format().code_multiplier);
  const auto offset = static_cast<Sum>(d_y.format().code_offset);
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Sum>(multiplier * static_cast<Sum>(codes[i]) - offset);
}

void read_floats(const Tensor& d_y, std::int64_t first, std::int64_t n, float* out) {
  const Format& format = d_y.format();
  dequantize(static_cast<const std::byte*>(d_y.data()) + first * code_bytes(code_type(format)), n, format, out);
}

/// Values in float64: exact integers of dyadic steps, else what the codec says, which is a float32.
template <typename Code>
void read_steps(const Tensor& d_y, std::int64_t first, std::int64_t n, double* out) {
  read_integers<Code>(d_y, first, n, out);
  const double step = std::ldexp(1.0, d_y.format().step_exponent);
  for (std::int64_t i = 0; i < n; ++i) out[i] *= step;
}

void read_values(const Tensor& d_y, std::int64_t first, std::int64_t n, double* out) {
  std::array<float, kStretch> values;
  for (std::int64_t i = 0; i < n; i += kStretch) {
    const std::int64_t count = std::min(kStretch, n - i);
    read_floats(d_y, first + i, count, values.data());
    std::copy_n(values.data(), count, out + i);
  }
}

template <typename Sum>
GradientReader<Sum> integer_reader(CodeType type) {
  constexpr GradientReader<Sum> kReaders[] = {&read_integers<std::int8_t, Sum>,  &read_integers<std::uint8_t, Sum>,
                                              &read_integers<std::int16_t, Sum>, &read_integers<std::uint16_t, Sum>,
                                              &read_integers<std::int32_t, Sum>, &read_integers<std::uint32_t, Sum>};
  return kReaders[static_cast<int>(type)];
}

GradientReader<double> value_reader(const Format& format) {
  constexpr GradientReader<double> kReaders[] = {&read_steps<std::int8_t>,  &read_steps<std::uint8_t>,
                                                 &read_steps<std::int16_t>, &read_steps<std::uint16_t>,
                                                 &read_steps<std::int32_t>, &read_steps<std::uint32_t>};
  return format.is_dyadic_grid() ? kReaders[static_cast<int>(code_type(format))] : &read_values;
}

/// Memory of one thread for one call.
template <typename Sum>
struct StripMemory {
  AlignedVector<Sum> sums, gradient;
};

template <typename Sum>
constexpr SumType sum_type() {
  if constexpr (std::is_same_v<Sum, std::int32_t>) return SumType::i32;
  if constexpr (std::is_same_v<Sum, std::int64_t>) return SumType::i64;
  if constexpr (std::is_same_v<Sum, float>) return SumType::f32;
  return SumType::f64;
}

/// Runs scatter(image, window row, window, its elements, gradient of the window, rows of the strip, sums) for every
/// window of every strip of the input and hands the strips out. `sums` is that of the strip's first row.
template <typename Sum, typename Scatter>
void scatter_strips(const Tensor& d_y, const PoolShape& shape, GradientReader<Sum> read, SumConsumer consume,
                    void* context, const Scatter& scatter) {
  const Axis rows = axis_h(shape), columns = axis_w(shape);
  const std::int64_t row_elements = shape.width * shape.channels;
  const std::int64_t window_row = columns.windows * shape.channels;
  std::vector<StripMemory<Sum>> memories(static_cast<std::size_t>(thread_count()));
  for_strips(shape.batch, shape.height, row_elements,
             [&](std::int64_t n, std::int64_t begin, std::int64_t end, int part) {
               StripMemory<Sum>& memory = memories[static_cast<std::size_t>(part)];
               memory.gradient.resize(static_cast<std::size_t>(window_row));
               memory.sums.assign(static_cast<std::size_t>((end - begin) * row_elements), Sum{0});
               const Interval window_rows = rows.windows_of(begin, end);
               for (std::int64_t oh = window_rows.begin; oh < window_rows.end; ++oh) {
                 read(d_y, (n * rows.windows + oh) * window_row, window_row, memory.gradient.data());
                 for (std::int64_t ow = 0; ow < columns.windows; ++ow) {
                   scatter(n, rows.elements(oh), columns.elements(ow), memory.gradient.data() + ow * shape.channels,
                           Interval{begin, end}, memory.sums.data());
                 }
               }
               consume(context,
                       {memory.sums.data(), sum_type<Sum>(), (n * shape.height + begin) * shape.width, 0,
                        (end - begin) * shape.width, shape.channels, shape.channels},
                       part);
             });
}

template <typename Code, typename Order, typename Sum>
void route(const Tensor& z, const Tensor& d_y, const PoolShape& shape, Order order, Ties ties, GradientReader<Sum> read,
           SumConsumer consume, void* context) {
  using Ordered = decltype(order(Code{}));
  const auto* codes = static_cast<const Code*>(z.data());
  scatter_strips<Sum>(
      d_y, shape, read, consume, context,
      [&](std::int64_t n, const Interval& h, const Interval& w, const Sum* gradient, const Interval& strip, Sum* sums) {
        const Code* image = codes + n * shape.height * shape.width * shape.channels;
        for_stretches(shape.channels, [&](std::int64_t c, int count) {
          std::array<Ordered, kStretch> best;
          std::array<Sum, kStretch> left;  // what the window has still to send
          std::copy_n(gradient + c, count, left.data());
          pool::begin_order(image + (h.begin * shape.width + w.begin) * shape.channels + c, count, order, best.data());
          for_elements(shape, h, w, [&](std::int64_t, std::int64_t, std::int64_t at) {
            pool::raise(image + at + c, count, order, best.data());
          });
          for_elements(shape, h, w, [&](std::int64_t i, std::int64_t j, std::int64_t at) {
            const Code* from = image + at + c;
            if (i >= strip.begin && i < strip.end) {
              pool::send(from, best.data(), left.data(), count, order,
                         sums + ((i - strip.begin) * shape.width + j) * shape.channels + c);
            }
            if (ties == Ties::first) pool::close(from, best.data(), count, order, left.data());
          });
        });
      });
}

/// Windows that an element can lie in.
std::int64_t most_windows(const PoolShape& shape) {
  const auto on_axis = [](std::int64_t size, std::int64_t stride) { return (size + stride - 1) / stride; };
  return checked_multiply(on_axis(shape.size_h, shape.stride_h), on_axis(shape.size_w, shape.stride_w), "pool windows");
}

/// The fixed tree of numerics.md over one number per channel: sums of whole subtrees, the largest first.
class TreeSums {
 public:
  void clear() { leaves_ = depth_ = 0; }
  void add(const float* values, int count) {
    std::copy_n(values, count, levels_[static_cast<std::size_t>(depth_++)].data());
    for (std::uint64_t full = leaves_++; (full & 1) != 0; full >>= 1) merge(count);
  }
  const double* finish(int count) {
    const double padding = 0;
    const bool is_padded = (leaves_ & (leaves_ - 1)) != 0;
    while (depth_ > 1) merge(count);
    for (int c = 0; is_padded && c < count; ++c) levels_[0][static_cast<std::size_t>(c)] += padding;  // -0 becomes +0
    return levels_[0].data();
  }

 private:
  void merge(int count) {
    --depth_;
    double* to = levels_[static_cast<std::size_t>(depth_ - 1)].data();
    const double* from = levels_[static_cast<std::size_t>(depth_)].data();
    for (int c = 0; c < count; ++c) to[c] += from[c];
  }
  std::array<std::array<double, kStretch>, 64> levels_;
  std::uint64_t leaves_ = 0;
  int depth_ = 0;
};

/// Runs average(image, window's elements, values out) for every window and hands strips of window rows out.
template <typename Average>
void average_strips(const PoolShape& shape, SumConsumer consume, void* context, const Average& average) {
  const Axis rows = axis_h(shape), columns = axis_w(shape);
  std::vector<AlignedVector<double>> memories(static_cast<std::size_t>(thread_count()));
  for_strips(shape.batch, rows.windows, columns.windows * shape.channels,
             [&](std::int64_t n, std::int64_t begin, std::int64_t end, int part) {
               AlignedVector<double>& values = memories[static_cast<std::size_t>(part)];
               values.resize(static_cast<std::size_t>((end - begin) * columns.windows * shape.channels));
               double* to = values.data();
               for (std::int64_t oh = begin; oh < end; ++oh) {
                 for (std::int64_t ow = 0; ow < columns.windows; ++ow, to += shape.channels) {
                   average(n, rows.elements(oh), columns.elements(ow), to);
                 }
               }
               consume(context,
                       {values.data(), SumType::f64, (n * rows.windows + begin) * columns.windows, 0,
                        (end - begin) * columns.windows, shape.channels, shape.channels},
                       part);
             });
}

template <typename Code>
void average_integers(const Tensor& x, const PoolShape& shape, SumConsumer consume, void* context) {
  const Format& format = x.format();
  const auto* codes = static_cast<const Code*>(x.data());
  const double step = std::ldexp(static_cast<double>(format.scale), format.step_exponent);
  average_strips(shape, consume, context, [&](std::int64_t n, const Interval& h, const Interval& w, double* out) {
    const Code* image = codes + n * shape.height * shape.width * shape.channels;
    const std::int64_t elements = h.size() * w.size();
    for_stretches(shape.channels, [&](std::int64_t c, int count) {
      std::array<std::int64_t, kStretch> sums = {};
      for (std::int64_t i = h.begin; i < h.end; ++i) {
        pool::add_codes(image + (i * shape.width + w.begin) * shape.channels + c, w.size(), shape.channels, count,
                        sums.data());
      }
      for (int k = 0; k < count; ++k) {
        const std::int64_t sum =
            format.code_multiplier * sums[static_cast<std::size_t>(k)] - format.code_offset * elements;
        out[c + k] = static_cast<double>(sum) * step / static_cast<double>(elements);
      }
    });
  });
}

void average_floats(const Tensor& x, const PoolShape& shape, SumConsumer consume, void* context) {
  average_strips(shape, consume, context, [&](std::int64_t n, const Interval& h, const Interval& w, double* out) {
    const std::int64_t image = n * shape.height * shape.width * shape.channels;
    const auto elements = static_cast<double>(h.size() * w.size());
    TreeSums tree;
    for_stretches(shape.channels, [&](std::int64_t c, int count) {
      std::array<float, kStretch> values;
      tree.clear();
      for_elements(shape, h, w, [&](std::int64_t, std::int64_t, std::int64_t at) {
        read_floats(x, image + at + c, count, values.data());
        tree.add(values.data(), count);
      });
      const double* sums = tree.finish(count);
      for (int k = 0; k < count; ++k) out[c + k] = sums[k] / elements;
    });
  });
}

}  // namespace

std::int64_t PoolShape::out_height() const { return window_count(height, size_h, stride_h, pad_h, partial); }
std::int64_t PoolShape::out_width() const { return window_count(width, size_w, stride_w, pad_w, partial); }

void PoolShape::check() const {
  if (batch < 0) throw ShapeError("pool: batch " + std::to_string(batch) + " is negative");
  if (channels < 1) throw ShapeError("pool: " + std::to_string(channels) + " channels");
  check_axis("height", height, size_h, stride_h, pad_h, partial);
  check_axis("width", width, size_w, stride_w, pad_w, partial);
}

PoolShape global_pool_shape(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels) {
  return {.batch = batch,
          .height = height,
          .width = width,
          .channels = channels,
          .size_h = height,
          .size_w = width,
          .stride_h = height,
          .stride_w = width};
}

void max_pool_select(const Tensor& z, const PoolShape& shape, Tensor& y) {
  shape.check();
  expect_shape("input", z, input_shape(shape));
  y.reset(output_shape(shape), z.format());
  with_order(z.format(), [&]<typename Code, typename Order>(Code, Order order) { select<Code>(z, shape, order, y); });
}

void max_pool_route(const Tensor& z, const Tensor& d_y, const PoolShape& shape, Ties ties, SumConsumer consume,
                    void* context) {
  shape.check();
  expect_shape("input", z, input_shape(shape));
  expect_shape("gradient", d_y, output_shape(shape));
  const Format& format = d_y.format();
  const auto route_all = [&]<typename Code, typename Order>(Code, Order order) {
    if (!format.is_dyadic_grid()) {
      route<Code, Order, float>(z, d_y, shape, order, ties, &read_floats, consume, context);
    } else if (integer_sum_type(most_windows(shape), format.max_magnitude(), 1, 0) == SumType::i32) {
      route<Code, Order, std::int32_t>(z, d_y, shape, order, ties, integer_reader<std::int32_t>(code_type(format)),
                                       consume, context);
    } else {
      route<Code, Order, std::int64_t>(z, d_y, shape, order, ties, integer_reader<std::int64_t>(code_type(format)),
                                       consume, context);
    }
  };
  with_order(z.format(), route_all);
}

void average_pool(const Tensor& x, const PoolShape& shape, SumConsumer consume, void* context) {
  shape.check();
  expect_shape("input", x, input_shape(shape));
  if (!x.format().is_grid()) return average_floats(x, shape, consume, context);
  using Average = void (*)(const Tensor&, const PoolShape&, SumConsumer, void*);
  constexpr Average kAverages[] = {&average_integers<std::int8_t>,  &average_integers<std::uint8_t>,
                                   &average_integers<std::int16_t>, &average_integers<std::uint16_t>,
                                   &average_integers<std::int32_t>, &average_integers<std::uint32_t>};
  kAverages[static_cast<int>(code_type(x.format()))](x, shape, consume, context);
}

void average_pool_backward(const Tensor& d_y, const PoolShape& shape, SumConsumer consume, void* context) {
  shape.check();
  expect_shape("gradient", d_y, output_shape(shape));
  scatter_strips<double>(d_y, shape, value_reader(d_y.format()), consume, context,
                         [&](std::int64_t, const Interval& h, const Interval& w, const double* gradient,
                             const Interval& strip, double* sums) {
                           const auto elements = static_cast<double>(h.size() * w.size());
                           for_stretches(shape.channels, [&](std::int64_t c, int count) {
                             std::array<double, kStretch> shares;
                             for (int k = 0; k < count; ++k)
                               shares[static_cast<std::size_t>(k)] = gradient[c + k] / elements;
                             for (std::int64_t i = std::max(h.begin, strip.begin); i < std::min(h.end, strip.end);
                                  ++i) {
                               for (std::int64_t j = w.begin; j < w.end; ++j) {
                                 double* to = sums + ((i - strip.begin) * shape.width + j) * shape.channels + c;
                                 for (int k = 0; k < count; ++k) to[k] += shares[static_cast<std::size_t>(k)];
                               }
                             }
                           });
                         });
}

}  // namespace dyadic
