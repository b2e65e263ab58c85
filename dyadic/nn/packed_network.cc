#include "dyadic/nn/packed_network.h"

#include <algorithm>
#include <utility>

#include "dyadic/base/error.h"
#include "dyadic/kernels/epilogue.h"
#include "dyadic/nn/batch_norm.h"
#include "dyadic/nn/input_codes.h"
#include "dyadic/nn/thresholds.h"
#include "dyadic/nn/weights.h"

namespace dyadic {
namespace {

/// Sums that wait for a pool at one time: what a cache of level 2 holds.
constexpr std::int64_t kWaitingSums = std::int64_t{1} << 18;
constexpr std::int64_t kMostClasses = 256;

Shape with_batch(std::int64_t batch, const Shape& example) {
  Shape shape = {batch};
  shape.insert(shape.end(), example.begin(), example.end());
  return shape;
}

const void* example_address(const Tensor& tensor, std::int64_t first, std::int64_t values) {
  return static_cast<const std::byte*>(tensor.data()) + first * values * code_bytes(code_type(tensor.format()));
}

IntegerOperand product_operand(const void* codes, const Format& format, std::int64_t depth) {
  return {.codes = codes,
          .type = code_type(format),
          .row_stride = depth,
          .depth_stride = 1,
          .multiplier = format.code_multiplier,
          .offset = format.code_offset,
          .max_magnitude = format.max_magnitude()};
}

ConvolutionOperand convolution_operand(const void* codes, const Format& format) {
  return {.codes = codes,
          .type = code_type(format),
          .multiplier = format.code_multiplier,
          .offset = format.code_offset,
          .max_magnitude = format.max_magnitude()};
}

Shape product_shape(const PackedNode& node, std::int64_t batch) {
  if (!node.is_convolution) return {batch, node.shape.outputs};
  return {batch, node.shape.out_height(), node.shape.out_width(), node.shape.outputs};
}

void pool(const Tensor& from, PoolShape shape, Tensor& to) {
  shape.batch = from.shape()[0];
  to.reset({shape.batch, shape.out_height(), shape.out_width(), shape.channels}, from.format());
  max_pool_select(from, shape, to);
}

/// "tensor c1.weight: ", and what `body` throws.
template <typename Body>
void named(const std::string& tensor, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    throw UsageError("tensor " + tensor + ": " + error.what());
  }
}

void want_tensor(const std::string& name, const Tensor& tensor, const Shape& shape, const Format& format) {
  if (tensor.shape() == shape && tensor.format() == format) return;
  throw UsageError("tensor " + name + ": " + format_name(tensor.format()) + " " + shape_text(tensor.shape()) +
                   ", the recipe needs " + format_name(format) + " " + shape_text(shape));
}

/// What the output's sums become in evaluation, by the functions of the layer itself.
ChannelFunction output_scores(const PackedNode& node, const PackedModel& model) {
  if (!node.norm) return [](const Tensor& z, Tensor& x) { x = z; };
  const RunningNorm& from = *model.norm;
  const double epsilon = model.recipe.network.layers[*node.norm].epsilon;
  const ChannelNorm norm = running_norm(from.mean, from.variance, from.scale, from.bias, epsilon);
  return [norm, format = node.normalized](const Tensor& z, Tensor& x) {
    x.reset(z.shape(), format);
    normalise_channels(z, norm, x, {});
  };
}

void check_norm(const PackedNode& node, const PackedModel& model) {
  if (node.norm.has_value() != model.norm.has_value()) {
    throw UsageError(
        "tensor " + node.name + ".mean: " +
        (node.norm ? "missing; the recipe's output has a batch_norm" : "the recipe's output has no batch_norm for it"));
  }
  if (!node.norm) return;
  struct NormTensor {
    const char* suffix;
    const Tensor& tensor;
    Role role;
  };
  for (const NormTensor& row : {NormTensor{".mean", model.norm->mean, Role::statistics},
                                NormTensor{".variance", model.norm->variance, Role::statistics},
                                NormTensor{".scale", model.norm->scale, Role::scale_master},
                                NormTensor{".bias", model.norm->bias, Role::bias_master}}) {
    const Format& format = model.recipe.formats.at(node.name, row.role);
    // A dynamic format's range is where training left it.
    const Format ranged = format.family == row.tensor.format().family && row.tensor.format().has_range()
                              ? with_range(format, row.tensor.format().range)
                              : format;
    want_tensor(node.name + row.suffix, row.tensor, {node.channels()}, ranged);
  }
}

}  // namespace

PackedNetwork::PackedNetwork(PackedModel model) : model_(std::move(model)), nodes_(packed_plan(model_.recipe)) {
  if (model_.layers.size() != nodes_.size()) {
    throw UsageError("packed network: " + std::to_string(model_.layers.size()) + " layers, the recipe has " +
                     std::to_string(nodes_.size()));
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    check_layer(nodes_[i], model_.layers[i]);
    model_.layers[i].weight.compress();
  }
  const PackedNode& output = nodes_.back();
  if (classes() > kMostClasses) {
    throw UsageError("layer " + output.name + ": " + std::to_string(classes()) + " classes are more than " +
                     std::to_string(kMostClasses));
  }
  check_norm(output, model_);
  named(output.name + ".scale, .bias, .mean or .variance", [&] {
    table_ = make_score_table(output_scores(output, model_), output.sums, output.largest, output.channels());
  });
  states_.resize(nodes_.size());
}

void PackedNetwork::check_layer(const PackedNode& node, const PackedLayer& layer) const {
  want_tensor(node.name + ".weight", layer.weight, node.weight_shape, node.weight);
  if (node.is_output()) return;
  named(node.name + ".thresholds",
        [&] { check_thresholds(layer.thresholds, node.largest, node.channels(), node.step_count()); });
}

Tensor PackedNetwork::empty_input(std::int64_t count, std::size_t values) const {
  const Shape shape = with_batch(count, model_.recipe.network.input);
  // Before memory is allocated on the word of a file.
  if (static_cast<std::int64_t>(values) != element_count(shape)) {
    throw ShapeError("input: " + std::to_string(values) + " values for " + shape_text(shape));
  }
  return Tensor(shape, nodes_.front().reads);
}

Tensor PackedNetwork::input_codes(std::span<const std::uint8_t> pixels, std::int64_t count) const {
  Tensor input = empty_input(count, pixels.size());
  round_pixels(pixels, model_.recipe.data.pixels == "signed", input, {});
  return input;
}

Tensor PackedNetwork::input_codes(std::span<const float> values, std::int64_t count) const {
  Tensor input = empty_input(count, values.size());
  const RoundingCounts counts = quantize(values.data(), input.size(), input.format(), input.data(), {});
  if (counts.nonfinite > 0) {
    throw NonFiniteError("input: " + std::to_string(counts.nonfinite) + " of " + std::to_string(counts.elements) +
                         " values are not finite");
  }
  return input;
}

std::vector<std::uint8_t> PackedNetwork::forward(const Tensor& input) {
  if (input.shape().empty() || input.shape() != with_batch(input.shape()[0], model_.recipe.network.input) ||
      input.format() != nodes_.front().reads) {
    throw ShapeError("packed network: input " + format_name(input.format()) + " " + shape_text(input.shape()) +
                     ", it takes " + format_name(nodes_.front().reads) + " " +
                     shape_text(with_batch(input.shape().empty() ? 0 : input.shape()[0], model_.recipe.network.input)));
  }
  pack_weights(input.shape()[0]);
  const Tensor* reads = &input;
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
    run_states(i, *reads);
    reads = &states_[i];
  }
  run_scores(*reads);
  std::vector<std::uint8_t> predicted;
  const std::int64_t count = classes();
  for (auto row = scores_.begin(); row != scores_.end(); row += count) {
    predicted.push_back(static_cast<std::uint8_t>(std::max_element(row, row + count) - row));
  }
  return predicted;
}

void PackedNetwork::pack_weights(std::int64_t batch) {
  if (!weights_.empty() && packed_isa_ == active_isa() && packed_kernel_ == ternary_kernel()) return;
  packed_isa_ = active_isa();
  packed_kernel_ = ternary_kernel();
  weights_.clear();
  std::vector<std::byte> codes;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const PackedNode& node = nodes_[i];
    const Tensor& weight = model_.layers[i].weight;
    const std::int64_t depth = weight.size() / node.shape.outputs;
    codes.resize(static_cast<std::size_t>(weight.size() * code_bytes(code_type(node.weight))));
    weight.read(0, weight.size(), codes.data());
    const std::int64_t rows = element_count(product_shape(node, batch)) / node.shape.outputs;
    weights_.emplace_back(node.shape.outputs, depth, node.shape.groups,
                          product_operand(codes.data(), node.weight, depth),
                          product_operand(nullptr, node.reads, depth), rows);
  }
}

void PackedNetwork::exact_sums(std::size_t index, const void* input, std::int64_t batch, SumConsumer consume,
                               void* context) const {
  const PackedNode& node = nodes_[index];
  if (!node.is_convolution) {
    return weights_[index].multiply(batch, product_operand(input, node.reads, node.shape.channels), consume, context);
  }
  ConvolutionShape shape = node.shape;
  shape.batch = batch;
  weights_[index].convolve(shape, convolution_operand(input, node.reads), consume, context);
}

std::string_view PackedNetwork::instructions(std::size_t index) const {
  return weights_.empty() ? "" : weights_[index].instructions();
}

const Tensor& PackedNetwork::pooled_sums(std::size_t index, const Tensor& input, std::int64_t first,
                                         std::int64_t count) {
  const PackedNode& node = nodes_[index];
  sums_.reset(product_shape(node, count), node.sums);
  RoundingEpilogue keep(sums_, node.shape.outputs, node.sums.step_exponent, nullptr, {}, 0);  // every sum has a code
  exact_sums(index, example_address(input, first, input.shape()[0] == 0 ? 0 : input.size() / input.shape()[0]), count,
             &RoundingEpilogue::consume, &keep);
  Tensor* from = &sums_;
  Tensor* to = &pooled_;
  for (const PoolShape& shape : node.sum_pools) {
    pool(*from, shape, *to);
    std::swap(from, to);
  }
  return *from;
}

void PackedNetwork::run_states(std::size_t index, const Tensor& input) {
  const PackedNode& node = nodes_[index];
  const PackedLayer& layer = model_.layers[index];
  const std::int64_t batch = input.shape()[0];
  Tensor& states = states_[index];
  states.reset(with_batch(batch, node.sums_shape), node.activation);
  const CodeType type = code_type(node.activation);
  if (node.sum_pools.empty()) {
    ThresholdEpilogue epilogue(layer.thresholds, states.data(), type);
    exact_sums(index, input.data(), batch, &ThresholdEpilogue::consume, &epilogue);
  } else {
    const std::int64_t values = element_count(node.sums_shape);
    const std::int64_t examples = std::max<std::int64_t>(1, kWaitingSums / element_count(product_shape(node, 1)));
    for (std::int64_t first = 0; first < batch; first += examples) {
      const Tensor& sums = pooled_sums(index, input, first, std::min(examples, batch - first));
      auto* codes = static_cast<std::byte*>(states.data()) + first * values * code_bytes(type);
      count_thresholds(sums, layer.thresholds, codes, type);
    }
  }
  for (const PoolShape& shape : node.state_pools) {
    pool(states, shape, pooled_);
    std::swap(states, pooled_);
  }
}

void PackedNetwork::run_scores(const Tensor& input) {
  const std::int64_t batch = input.shape()[0];
  const Tensor& sums = pooled_sums(nodes_.size() - 1, input, 0, batch);
  scores_.resize(static_cast<std::size_t>(sums.size()));
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    scores_[i] = table_.key(at % table_.channels, sums.code(at));
  }
}

std::int64_t PackedNetwork::parameter_bytes() const {
  std::int64_t bytes = static_cast<std::int64_t>(table_.keys.size() * sizeof(std::int32_t));
  for (const PackedWeights& weights : weights_) bytes += weights.bytes();
  for (const PackedLayer& layer : model_.layers) {
    bytes += static_cast<std::int64_t>((layer.thresholds.values.size() + layer.thresholds.directions.size()) *
                                       sizeof(std::int32_t));
  }
  return bytes;
}

std::int64_t PackedNetwork::activation_bytes() const {
  std::int64_t bytes =
      sums_.bytes() + pooled_.bytes() + static_cast<std::int64_t>(scores_.size() * sizeof(std::int32_t));
  for (const Tensor& states : states_) bytes += states.bytes();
  return bytes;
}

}  // namespace dyadic
