// Counts of zeros and resting multiplications against a walk over every multiplication.
#include "dyadic/train/analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"

namespace dyadic {
namespace {

Tensor random_states(const Shape& shape, const std::string& format, std::uint64_t seed) {
  Tensor tensor(shape, parse_format(format));
  std::vector<double> values;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    values.push_back(2.0 * static_cast<double>(random_uniform({.seed = seed}, static_cast<std::uint64_t>(i))) - 1.0);
  }
  quantize(values.data(), tensor.size(), tensor.format(), tensor.data(), {});
  return tensor;
}

bool is_zero(const Tensor& tensor, std::int64_t i) { return decode(tensor.format(), tensor.code(i)) == 0; }

/// One multiplication after the other.
NodeAnalysis counted_one_by_one(const LayerProduct& product, const Tensor& x) {
  const ConvolutionShape& s = product.shape;
  const Tensor& w = product.weight;
  NodeAnalysis node;
  node.inputs = x.size();
  for (std::int64_t i = 0; i < x.size(); ++i) node.zero_inputs += is_zero(x, i) ? 1 : 0;
  const std::int64_t depth = s.channels / s.groups;
  for (std::int64_t output = 0; output < s.batch * s.out_height() * s.out_width() * s.outputs; ++output) {
    const std::int64_t o = output % s.outputs;
    const std::int64_t j = output / s.outputs % s.out_width();
    const std::int64_t i = output / s.outputs / s.out_width() % s.out_height();
    const std::int64_t n = output / s.outputs / s.out_width() / s.out_height();
    for (std::int64_t k = 0; k < s.kernel_h * s.kernel_w * depth; ++k) {
      const std::int64_t c = k % depth + o / (s.outputs / s.groups) * depth;
      const std::int64_t row = i * s.stride_h - s.pad_top + k / depth / s.kernel_w * s.dilation_h;
      const std::int64_t column = j * s.stride_w - s.pad_left + k / depth % s.kernel_w * s.dilation_w;
      if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
      ++node.multiplications;
      const bool rests = is_zero(w, o * s.kernel_h * s.kernel_w * depth + k) ||
                         is_zero(x, ((n * s.height + row) * s.width + column) * s.channels + c);
      node.active += rests ? 0 : 1;
    }
  }
  return node;
}

TEST(Analysis, CountsEveryMultiplicationWithTwoFactors) {
  const std::vector<ConvolutionShape> shapes = {
      {.batch = 3, .height = 1, .width = 1, .channels = 17, .outputs = 5},  // a dense layer
      {.batch = 2, .height = 6, .width = 5, .channels = 3, .outputs = 4, .kernel_h = 3, .kernel_w = 2},
      {.batch = 2,
       .height = 7,
       .width = 6,
       .channels = 4,
       .outputs = 6,
       .kernel_h = 3,
       .kernel_w = 3,
       .stride_h = 2,
       .stride_w = 1,
       .pad_top = 2,
       .pad_left = 1,
       .pad_bottom = 0,
       .pad_right = 1,
       .dilation_h = 1,
       .dilation_w = 2,
       .groups = 2},
  };
  for (const ConvolutionShape& shape : shapes) {
    for (const std::string format : {"ternary", "z3", "binary", "q1.3", "float32"}) {
      const Tensor x = random_states({shape.batch, shape.height, shape.width, shape.channels}, format, 1);
      const Tensor w =
          random_states({shape.outputs, shape.kernel_h, shape.kernel_w, shape.channels / shape.groups}, "ternary", 2);
      const LayerProduct product = {.name = "c", .weight = w, .shape = shape};
      NodeAnalysis node;
      count_product(product, x, node);
      const NodeAnalysis expected = counted_one_by_one(product, x);
      EXPECT_EQ(node.inputs, expected.inputs);
      EXPECT_EQ(node.zero_inputs, expected.zero_inputs) << format;
      EXPECT_EQ(node.multiplications, expected.multiplications) << format;
      EXPECT_EQ(node.active, expected.active) << format;
      EXPECT_LT(node.active, node.multiplications);
    }
  }
}

}  // namespace
}  // namespace dyadic
