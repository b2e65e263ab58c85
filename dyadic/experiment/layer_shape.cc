#include "dyadic/experiment/layer_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

void want_image(const Shape& input) {
  if (input.size() != 3) {
    throw ShapeError("it needs [height, width, channels], not " + shape_text(input) +
                     "; write network.input = [height, width, channels], and flatten after the last such layer");
  }
}

Shape same_shape(const LayerSpec&, const Shape& input) { return input; }

Shape dense_output(const LayerSpec& layer, const Shape&) { return {layer.units}; }

Shape convolution_output(const LayerSpec& layer, const Shape& input) {
  const ConvolutionShape shape = convolution_shape(layer, 1, input);
  return {shape.out_height(), shape.out_width(), shape.outputs};
}

Shape maxout_output(const LayerSpec& layer, const Shape& input) {
  if (input.back() % layer.pieces != 0) {
    throw ShapeError(fmt::format("{} pieces do not divide {} {}", layer.pieces, input.back(),
                                 input.size() == 1 ? "units" : "channels"));
  }
  Shape output = input;
  output.back() /= layer.pieces;
  return output;
}

Shape pool_output(const LayerSpec& layer, const Shape& input) {
  const PoolShape shape = pool_shape(layer, 1, input);
  return {shape.out_height(), shape.out_width(), shape.channels};
}

Shape flat_output(const LayerSpec&, const Shape& input) { return {element_count(input)}; }

struct Row {
  std::string_view type;
  LayerKind kind;
  Shape (*output)(const LayerSpec& layer, const Shape& input);
};

constexpr Row kRows[] = {
    {"dense", LayerKind::weights, dense_output},
    {"conv2d", LayerKind::weights, convolution_output},
    {"maxout", LayerKind::activation, maxout_output},
    {"relu", LayerKind::activation, same_shape},
    {"multi_step", LayerKind::activation, same_shape},
    {"batch_norm", LayerKind::normalization, same_shape},
    {"dropout", LayerKind::mask, same_shape},
    {"max_pool", LayerKind::selecting_pool, pool_output},
    {"average_pool", LayerKind::averaging_pool, pool_output},
    {"global_average_pool", LayerKind::averaging_pool, pool_output},
    {"flatten", LayerKind::view, flat_output},
};

const Row& row_of(const LayerSpec& layer) {
  const auto* row = std::ranges::find(kRows, layer.type, &Row::type);
  if (row == std::end(kRows)) throw UsageError("network: unknown layer type '" + layer.type + "'");
  return *row;
}

}  // namespace

LayerKind layer_kind(const LayerSpec& layer) { return row_of(layer).kind; }

Shape layer_output_shape(const LayerSpec& layer, const Shape& input) { return row_of(layer).output(layer, input); }

ConvolutionShape convolution_shape(const LayerSpec& layer, std::int64_t batch, const Shape& input) {
  want_image(input);
  const auto& padding = layer.padding.values;
  const bool four = padding.size() == 4;
  ConvolutionShape shape = {.batch = batch,
                            .height = input[0],
                            .width = input[1],
                            .channels = input[2],
                            .outputs = layer.channels,
                            .kernel_h = layer.kernel.height(),
                            .kernel_w = layer.kernel.width(),
                            .stride_h = layer.stride.height(),
                            .stride_w = layer.stride.width(),
                            .pad_top = padding[0],
                            .pad_left = four ? padding[1] : layer.padding.width(),
                            .pad_bottom = four ? padding[2] : padding[0],
                            .pad_right = four ? padding[3] : layer.padding.width(),
                            .dilation_h = layer.dilation.height(),
                            .dilation_w = layer.dilation.width(),
                            .groups = layer.groups};
  shape.check();
  return shape;
}

PoolShape pool_shape(const LayerSpec& layer, std::int64_t batch, const Shape& input) {
  want_image(input);
  if (layer.type == "global_average_pool") return global_pool_shape(batch, input[0], input[1], input[2]);
  PoolShape shape = {.batch = batch,
                     .height = input[0],
                     .width = input[1],
                     .channels = input[2],
                     .size_h = layer.size.height(),
                     .size_w = layer.size.width(),
                     .stride_h = layer.stride.height(),
                     .stride_w = layer.stride.width(),
                     .pad_h = layer.padding.height(),
                     .pad_w = layer.padding.width(),
                     .partial = layer.partial};
  shape.check();
  return shape;
}

}  // namespace dyadic
