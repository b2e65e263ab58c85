#include "dyadic/kernels/convolution.h"

#include <algorithm>
#include <string>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"
#include "dyadic/kernels/convolution_plan.h"

namespace dyadic {
namespace {

/// Extents beyond this are nobody's picture, and sums of a few of them fit 64 bits.
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

void check_range(const char* what, std::int64_t value, std::int64_t least) {
  if (value < least || value > kMaxExtent) {
    throw ShapeError(std::string("convolution: ") + what + " " + std::to_string(value) + " is outside " +
                     std::to_string(least) + "..2^40");
  }
}

/// What the kernel spans; checked to fit.
std::int64_t span_of(std::int64_t kernel, std::int64_t dilation) {
  return checked_multiply(kernel - 1, dilation, "convolution kernel") + 1;
}

std::int64_t out_extent(std::int64_t padded, std::int64_t kernel, std::int64_t dilation, std::int64_t stride) {
  return (padded - span_of(kernel, dilation)) / stride + 1;
}

void check_kernel(const char* axis, std::int64_t padded, std::int64_t kernel, std::int64_t dilation) {
  if (span_of(kernel, dilation) > padded) {
    throw ShapeError(std::string("convolution: a kernel of ") + axis + " " + std::to_string(kernel) +
                     " with dilation " + std::to_string(dilation) + " does not fit the padded input of " +
                     std::to_string(padded));
  }
}

void check_groups(const char* what, std::int64_t channels, std::int64_t groups) {
  if (channels % groups != 0) {
    throw ShapeError("convolution: " + std::to_string(groups) + " groups do not divide " + std::to_string(channels) +
                     " " + what);
  }
}

std::int64_t checked_size(std::initializer_list<std::int64_t> extents) {
  std::int64_t size = 1;
  for (const std::int64_t extent : extents) size = checked_multiply(size, extent, "convolution tensor");
  return size;
}

}  // namespace

std::int64_t ConvolutionShape::out_height() const {
  return out_extent(height + pad_top + pad_bottom, kernel_h, dilation_h, stride_h);
}

std::int64_t ConvolutionShape::out_width() const {
  return out_extent(width + pad_left + pad_right, kernel_w, dilation_w, stride_w);
}

void ConvolutionShape::check() const {
  struct Row {
    const char* what;
    std::int64_t value, least;
  };
  for (const Row& row :
       {Row{"batch", batch, 0}, Row{"height", height, 1}, Row{"width", width, 1}, Row{"channels", channels, 1},
        Row{"outputs", outputs, 1}, Row{"kernel height", kernel_h, 1}, Row{"kernel width", kernel_w, 1},
        Row{"stride", stride_h, 1}, Row{"stride", stride_w, 1}, Row{"padding", pad_top, 0}, Row{"padding", pad_left, 0},
        Row{"padding", pad_bottom, 0}, Row{"padding", pad_right, 0}, Row{"dilation", dilation_h, 1},
        Row{"dilation", dilation_w, 1}, Row{"groups", groups, 1}}) {
    check_range(row.what, row.value, row.least);
  }
  check_groups("channels", channels, groups);
  check_groups("outputs", outputs, groups);
  check_kernel("height", height + pad_top + pad_bottom, kernel_h, dilation_h);
  check_kernel("width", width + pad_left + pad_right, kernel_w, dilation_w);
  checked_size({batch, height, width, channels, 8});
  checked_size({batch, out_height(), out_width(), outputs, 8});
  checked_size({kernel_h, kernel_w, group_channels(), outputs, 8});
}

std::int64_t convolution_rows(ConvolutionProduct product, const ConvolutionShape& shape) {
  switch (product) {
    case ConvolutionProduct::forward: return shape.batch * shape.out_height() * shape.out_width();
    case ConvolutionProduct::input_gradient: return shape.batch * shape.height * shape.width;
    default: return shape.outputs;
  }
}

std::int64_t convolution_columns(ConvolutionProduct product, const ConvolutionShape& shape) {
  switch (product) {
    case ConvolutionProduct::forward: return shape.outputs;
    case ConvolutionProduct::input_gradient: return shape.channels;
    default: return shape.kernel_h * shape.kernel_w * shape.group_channels();
  }
}

std::int64_t convolution_depth(ConvolutionProduct product, const ConvolutionShape& shape) {
  const std::int64_t taps = shape.kernel_h * shape.kernel_w;
  switch (product) {
    case ConvolutionProduct::forward: return taps * shape.group_channels();
    case ConvolutionProduct::input_gradient: return taps * shape.group_outputs();
    default: return shape.batch * shape.out_height() * shape.out_width();
  }
}

void integer_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const ConvolutionOperand& a,
                         const ConvolutionOperand& b, SumType type, SumConsumer consume, void* context) {
  shape.check();
  product::check_integer_product(convolution_depth(product, shape), {.type = a.type, .max_magnitude = a.max_magnitude},
                                 {.type = b.type, .max_magnitude = b.max_magnitude}, type);
  const Isa isa = active_isa();
  const ConvolutionOperand& padded = product == ConvolutionProduct::weight_gradient ? b : a;
  if (isa == Isa::ref || !convolution::can_pad(padded)) {
    return ref::integer_convolution(product, shape, a, b, type, consume, context);
  }
  convolution::run_integer(product::engines_of(isa), product, shape, a, b, type, {}, consume, context);
}

void float_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const float* a, const float* b,
                       SumConsumer consume, void* context) {
  shape.check();
  const Isa isa = active_isa();
  if (isa == Isa::ref) return ref::float_convolution(product, shape, a, b, consume, context);
  const std::int64_t weights = shape.outputs * shape.kernel_h * shape.kernel_w * shape.group_channels();
  const std::int64_t inputs = shape.batch * shape.height * shape.width * shape.channels;
  const std::int64_t outputs = shape.batch * shape.out_height() * shape.out_width() * shape.outputs;
  convolution::Options options;
  switch (product) {
    case ConvolutionProduct::forward: options.split = !convolution::zeros_are_harmless(a, inputs, b, weights); break;
    case ConvolutionProduct::input_gradient:
      options.split = !convolution::zeros_are_harmless(a, outputs, b, weights);
      break;
    default: options.split = !convolution::zeros_are_harmless(b, inputs, a, outputs); break;
  }
  convolution::run_float(product::engines_of(isa), product, shape, a, b, options, consume, context);
}

}  // namespace dyadic
