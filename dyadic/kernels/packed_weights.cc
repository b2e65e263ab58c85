#include "dyadic/kernels/packed_weights.h"

#include <cstring>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/kernels/convolution_plan.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic {

namespace {

constexpr std::int64_t kRowsThatRead = 8;

}  // namespace

struct PackedWeights::State {
  Isa isa = Isa::ref;
  std::int64_t outputs = 0, depth = 0, groups = 1;
  IntegerOperand weights, inputs;  // bounds; the ref tier's weights read `codes`
  std::vector<std::byte> codes;
  std::vector<product::PackedSide> sides;  // of each group

  [[nodiscard]] std::int64_t group_outputs() const { return outputs / groups; }

  [[nodiscard]] product::ProductPlan plan(std::int64_t group, std::int64_t m, const IntegerOperand& x) const {
    const product::PackedSide& side = sides[static_cast<std::size_t>(group)];
    product::ProductPlan plan = product::plan_integer_product(product::engines_of(isa), m, group_outputs(), depth, x,
                                                              weights, SumType::i32, side.choice);
    product::use_packed_columns(plan, side);
    return plan;
  }

  void check(CodeType type, std::int64_t multiplier, std::int64_t offset, std::int64_t max_magnitude) const {
    if (type != inputs.type || multiplier != inputs.multiplier || offset != inputs.offset ||
        max_magnitude > inputs.max_magnitude) {
      throw UsageError("packed weights: inputs of another format than the weights were packed for");
    }
    if (active_isa() != isa) {
      throw UsageError("packed weights: packed for instruction set " + std::string(isa_name(isa)) + ", used with " +
                       std::string(isa_name(active_isa())));
    }
  }
};

PackedWeights::PackedWeights(std::int64_t outputs, std::int64_t depth, std::int64_t groups,
                             const IntegerOperand& weights, const IntegerOperand& inputs, std::int64_t rows) {
  const auto made = std::make_shared<State>();
  state_ = made;
  State& state = *made;
  state.isa = active_isa();
  state.outputs = outputs;
  state.depth = depth;
  state.groups = groups;
  state.weights = weights;
  state.weights.row_stride = depth;
  state.weights.depth_stride = 1;
  state.inputs = inputs;
  state.inputs.codes = nullptr;
  product::check_integer_product(depth, inputs, weights, SumType::i32);
  const auto bytes = static_cast<std::size_t>(outputs * depth * code_bytes(weights.type));
  if (state.isa == Isa::ref) {
    state.codes.resize(bytes);
    if (bytes > 0) std::memcpy(state.codes.data(), weights.codes, bytes);
    state.weights.codes = state.codes.data();
    return;
  }
  const product::EngineSet& set = product::engines_of(state.isa);
  // Where few rows share a weight, reading it takes longest; tiles outrun the unpacking for more.
  const bool keeps_small = set.tiles == nullptr || rows <= kRowsThatRead;
  IntegerOperand part = state.weights;
  for (std::int64_t group = 0; group < groups; ++group) {
    part.codes =
        static_cast<const std::byte*>(weights.codes) + group * state.group_outputs() * depth * code_bytes(weights.type);
    const product::PlanChoice choice = {.b_is_packed = true, .keeps_b_small = keeps_small};
    const product::ProductPlan plan =
        product::plan_integer_product(set, rows, state.group_outputs(), depth, inputs, part, SumType::i32, choice);
    state.sides.push_back(product::pack_columns(plan));
  }
  state.weights.codes = nullptr;
}

std::int64_t PackedWeights::bytes() const {
  std::int64_t bytes = std::ssize(state_->codes);
  for (const product::PackedSide& side : state_->sides) {
    bytes += std::ssize(side.panels) + std::ssize(side.sums) * static_cast<std::int64_t>(sizeof(std::int64_t));
  }
  return bytes;
}

std::string_view PackedWeights::instructions() const {
  return state_->sides.empty() ? "scalar" : state_->sides.front().engine->instructions;
}

void PackedWeights::multiply(std::int64_t m, const IntegerOperand& x, SumConsumer consume, void* context) const {
  const State& state = *state_;
  state.check(x.type, x.multiplier, x.offset, x.max_magnitude);
  if (state.isa == Isa::ref) {
    return integer_product(m, state.outputs, state.depth, x, state.weights, SumType::i32, consume, context);
  }
  IntegerOperand bounded = x;
  bounded.max_magnitude = state.inputs.max_magnitude;  // which the engine was chosen by
  product::run_product(state.plan(0, m, bounded), consume, context);
}

void PackedWeights::convolve(const ConvolutionShape& shape, const ConvolutionOperand& x, SumConsumer consume,
                             void* context) const {
  const State& state = *state_;
  shape.check();
  state.check(x.type, x.multiplier, x.offset, x.max_magnitude);
  if (shape.outputs != state.outputs || shape.groups != state.groups ||
      convolution_depth(ConvolutionProduct::forward, shape) != state.depth) {
    throw ShapeError("packed weights: [" + std::to_string(state.outputs) + ", " + std::to_string(state.depth) +
                     "] in " + std::to_string(state.groups) + " groups are not those of the convolution");
  }
  const IntegerOperand& w = state.weights;
  const ConvolutionOperand weights = {w.codes, w.type, w.multiplier, w.offset, w.max_magnitude};
  if (state.isa == Isa::ref) {
    return integer_convolution(ConvolutionProduct::forward, shape, x, weights, SumType::i32, consume, context);
  }
  if (!convolution::can_pad(x)) throw UsageError("packed weights: no code of the inputs stands for the padding");
  ConvolutionOperand bounded = x;
  bounded.max_magnitude = state.inputs.max_magnitude;
  const convolution::Options options = {.packed = state.sides};
  convolution::run_integer(product::engines_of(state.isa), ConvolutionProduct::forward, shape, bounded, weights,
                           SumType::i32, options, consume, context);
}

}  // namespace dyadic
