#include "dyadic/experiment/layer_shape.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/experiment/recipe_schema.h"

namespace dyadic {
namespace {

LayerSpec pool(const std::string& type, std::int64_t size, std::int64_t stride) {
  return {.type = type, .stride = {{stride}}, .size = {{size}}};
}

LayerSpec convolution(std::int64_t channels, const Extents& kernel) {
  return {.type = "conv2d", .channels = channels, .kernel = kernel, .stride = {{1}}};
}

TEST(LayerShape, ConvolutionsCountTheirWholeWindows) {
  LayerSpec layer = convolution(8, {{3}});
  EXPECT_EQ(layer_output_shape(layer, {9, 7, 2}), (Shape{7, 5, 8}));
  layer.stride = {{2}};
  EXPECT_EQ(layer_output_shape(layer, {9, 8, 2}), (Shape{4, 3, 8})) << "what is left over takes no part";
  layer.padding = {{1}};
  EXPECT_EQ(layer_output_shape(layer, {9, 8, 2}), (Shape{5, 4, 8}));
  layer.dilation = {{2, 3}};
  EXPECT_EQ(layer_output_shape(layer, {9, 8, 2}), (Shape{4, 2, 8})) << "windows of 5 and 7";
}

TEST(LayerShape, TwoExtentsAreHeightAndWidth) {
  LayerSpec layer = convolution(4, {{5, 2}});
  layer.stride = {{1, 3}};
  layer.padding = {{2, 0}};
  EXPECT_EQ(layer_output_shape(layer, {9, 8, 2}), (Shape{9, 3, 4}));
  const ConvolutionShape shape = convolution_shape(layer, 6, {9, 8, 2});
  EXPECT_EQ(shape.batch, 6);
  EXPECT_EQ(shape.kernel_h, 5);
  EXPECT_EQ(shape.kernel_w, 2);
  EXPECT_EQ(shape.stride_w, 3);
  EXPECT_EQ(shape.pad_bottom, 2);
  EXPECT_EQ(shape.pad_right, 0);
}

TEST(LayerShape, FourPaddingsAreTopLeftBottomRight) {
  LayerSpec layer = convolution(4, {{3}});
  layer.padding = {{0, 1, 2, 3}};
  const ConvolutionShape shape = convolution_shape(layer, 1, {9, 8, 2});
  EXPECT_EQ(shape.pad_top, 0);
  EXPECT_EQ(shape.pad_left, 1);
  EXPECT_EQ(shape.pad_bottom, 2);
  EXPECT_EQ(shape.pad_right, 3);
  EXPECT_EQ(layer_output_shape(layer, {9, 8, 2}), (Shape{9, 10, 4}));
}

TEST(LayerShape, PoolsMayReachBeyondTheInput) {
  LayerSpec layer = pool("max_pool", 3, 2);
  EXPECT_EQ(layer_output_shape(layer, {8, 9, 5}), (Shape{4, 4, 5}));
  layer.partial = false;
  EXPECT_EQ(layer_output_shape(layer, {8, 9, 5}), (Shape{3, 4, 5}));
  // With padding, ceil((3 + 2 - 2) / 2) + 1 = 3 windows, of which the last would begin at 3, where the input has ended.
  layer = pool("average_pool", 2, 2);
  layer.padding = {{1}};
  EXPECT_EQ(layer_output_shape(layer, {3, 4, 5}), (Shape{2, 3, 5}));
  EXPECT_EQ(layer_output_shape(pool("max_pool", 4, 4), {3, 3, 5}), (Shape{1, 1, 5})) << "one window, cut";
}

TEST(LayerShape, OtherLayersKeepDivideOrFlattenTheirInput) {
  EXPECT_EQ(layer_output_shape({.type = "global_average_pool"}, {7, 6, 5}), (Shape{1, 1, 5}));
  EXPECT_EQ(layer_output_shape({.type = "flatten"}, {7, 6, 5}), (Shape{210}));
  EXPECT_EQ(layer_output_shape({.type = "relu"}, {7, 6, 5}), (Shape{7, 6, 5}));
  EXPECT_EQ(layer_output_shape({.type = "dropout"}, {7, 6, 5}), (Shape{7, 6, 5}));
  EXPECT_EQ(layer_output_shape({.type = "dense", .units = 3}, {7, 6, 5}), (Shape{3}));
  EXPECT_EQ(layer_output_shape({.type = "maxout", .pieces = 5}, {7, 6, 5}), (Shape{7, 6, 1}));
  EXPECT_EQ(layer_output_shape({.type = "maxout", .pieces = 5}, {20}), (Shape{4}));
}

TEST(LayerShape, EveryTypeHasItsKind) {
  const std::map<std::string, LayerKind> kinds = {{"dense", LayerKind::weights},
                                                  {"conv2d", LayerKind::weights},
                                                  {"maxout", LayerKind::activation},
                                                  {"relu", LayerKind::activation},
                                                  {"multi_step", LayerKind::activation},
                                                  {"batch_norm", LayerKind::normalization},
                                                  {"dropout", LayerKind::mask},
                                                  {"max_pool", LayerKind::selecting_pool},
                                                  {"flatten", LayerKind::view},
                                                  {"average_pool", LayerKind::averaging_pool},
                                                  {"global_average_pool", LayerKind::averaging_pool}};
  for (const LayerType& type : layer_types()) {
    ASSERT_TRUE(kinds.contains(type.type)) << type.type;
    EXPECT_EQ(layer_kind({.type = type.type}), kinds.at(type.type)) << type.type;
    EXPECT_EQ(has_weights({.type = type.type}), type.type == "dense" || type.type == "conv2d") << type.type;
  }
  EXPECT_THROW(layer_kind({.type = "conv3d"}), UsageError);
}

std::string refusal(const LayerSpec& layer, const Shape& input) {
  try {
    layer_output_shape(layer, input);
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "taken";
}

TEST(LayerShape, WhatDoesNotFitIsRefusedWithItsReason) {
  EXPECT_EQ(refusal(convolution(4, {{6, 5}}), {5, 5, 2}),
            "convolution: a kernel of height 6 with dilation 1 does not fit the padded input of 5");
  LayerSpec grouped = convolution(4, {{3}});
  grouped.groups = 2;
  EXPECT_EQ(refusal(grouped, {5, 5, 3}), "convolution: 2 groups do not divide 3 channels");
  EXPECT_NE(refusal(convolution(4, {{3}}), {25}).find("needs [height, width, channels], not [25]"), std::string::npos);
  EXPECT_NE(refusal(pool("max_pool", 2, 2), {25}).find("needs [height, width, channels]"), std::string::npos);
  LayerSpec whole = pool("max_pool", 4, 4);
  whole.partial = false;
  EXPECT_NE(refusal(whole, {3, 5, 1}), "taken");
  LayerSpec padded = pool("max_pool", 2, 2);
  padded.padding = {{2}};
  EXPECT_NE(refusal(padded, {5, 5, 1}), "taken") << "a window of padding alone";
  EXPECT_EQ(refusal({.type = "maxout", .pieces = 4}, {7, 6, 5}), "4 pieces do not divide 5 channels");
  EXPECT_EQ(refusal({.type = "maxout", .pieces = 4}, {5}), "4 pieces do not divide 5 units");
  EXPECT_THROW(layer_output_shape({.type = "conv3d"}, {5}), UsageError);
}

}  // namespace
}  // namespace dyadic
