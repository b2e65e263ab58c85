// What the tests of convolutions share: shapes, tensors of codes and the ways to run a convolution that this machine
// has.
#pragma once

#include <functional>

#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/convolution_plan.h"
#include "tests/kernels/emulated_bytes.h"
#include "tests/kernels/product_test.h"

namespace dyadic::convolution_test {

using product_test::Collected;
using product_test::OperandKind;
using product_test::Pattern;
using product_test::random_word;

inline constexpr ConvolutionProduct kProducts[] = {ConvolutionProduct::forward, ConvolutionProduct::input_gradient,
                                                   ConvolutionProduct::weight_gradient};

/// Packed bytes so few that every product runs in rounds.
inline constexpr std::int64_t kManyRounds = 512;

inline std::string shape_text(const ConvolutionShape& s) {
  std::string text;
  for (const std::int64_t number :
       {s.batch, s.height, s.width, s.channels, s.outputs, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.pad_top,
        s.pad_left, s.pad_bottom, s.pad_right, s.dilation_h, s.dilation_w, s.groups}) {
    text += std::to_string(number) + " ";
  }
  return text;
}

/// batch, height, width, channels, outputs, kernel, stride, pads, dilation, groups: each property on its own and mixed.
inline std::vector<ConvolutionShape> shapes() {
  return {
      {2, 5, 6, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1},             // the usual kind
      {1, 1, 1, 1, 1, 1, 1},                               // one number
      {3, 4, 4, 7, 2, 1, 1},                               // pixel by pixel
      {2, 7, 5, 2, 3, 3, 2, 2, 3, 1, 0, 2, 1},             // strides, pads that differ
      {2, 9, 8, 4, 6, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2},       // dilation
      {1, 11, 10, 4, 6, 2, 3, 3, 2, 3, 1, 0, 4, 2, 3, 2},  // all at once
      {2, 6, 5, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 6},    // depthwise
      {2, 5, 5, 4, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 4},    // depthwise, two outputs for a channel
      {1, 3, 3, 2, 2, 5, 5, 1, 1, 4, 4, 4, 4},             // outputs that see nothing but padding
      {1, 4, 9, 3, 2, 1, 2, 3, 4},                         // pixels that no window sees
      {2, 6, 6, 9, 40, 2, 2, 2, 2},                        // many outputs
      {1, 7, 9, 33, 30, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 3},  // groups of odd sizes
      {0, 5, 6, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1},             // an empty batch
  };
}

inline std::int64_t input_size(const ConvolutionShape& s) { return s.batch * s.height * s.width * s.channels; }
inline std::int64_t output_size(const ConvolutionShape& s) {
  return s.batch * s.out_height() * s.out_width() * s.outputs;
}
inline std::int64_t weight_size(const ConvolutionShape& s) {
  return s.outputs * s.kernel_h * s.kernel_w * s.group_channels();
}
inline std::int64_t a_size(ConvolutionProduct product, const ConvolutionShape& s) {
  return product == ConvolutionProduct::forward ? input_size(s) : output_size(s);
}
inline std::int64_t b_size(ConvolutionProduct product, const ConvolutionShape& s) {
  return product == ConvolutionProduct::weight_gradient ? input_size(s) : weight_size(s);
}

/// A tensor of n codes; memory exactly as long as needed.
struct Codes {
  product_test::Operand operand;

  Codes(std::int64_t n, const OperandKind& kind, Pattern pattern, std::uint64_t seed)
      : operand(product_test::make_operand(1, n, kind, product_test::Order::along, pattern, seed)) {}
  [[nodiscard]] ConvolutionOperand view() const {
    return {operand.memory.data(), operand.view.type, operand.view.multiplier, operand.view.offset,
            operand.view.max_magnitude};
  }
  [[nodiscard]] std::int64_t integer(std::int64_t i) const { return operand.integer(0, i); }
};

using IntegerRunner = std::function<void(ConvolutionProduct, const ConvolutionShape&, const ConvolutionOperand&,
                                         const ConvolutionOperand&, SumType, SumConsumer, void*)>;
struct NamedRunner {
  std::string name;
  IntegerRunner run;
};

/// Every tier, engines that this machine may lack, and all of them in rounds.
inline std::vector<NamedRunner> integer_runners() {
  std::vector<NamedRunner> all;
  for (const Isa isa : supported_isas()) {
    all.push_back({std::string(isa_name(isa)), [isa](auto... arguments) {
                     const Isa before = active_isa();
                     set_isa(isa);
                     integer_convolution(arguments...);
                     set_isa(before);
                   }});
  }
  if (!cpu_features().avx2) return all;
  const auto add = [&](const std::string& name, const product::EngineSet& engines, std::int64_t shared_bytes) {
    all.push_back({name, [=](ConvolutionProduct product, const ConvolutionShape& shape, const ConvolutionOperand& a,
                             const ConvolutionOperand& b, SumType type, SumConsumer consume, void* context) {
                     convolution::run_integer(engines, product, shape, a, b, type,
                                              {.split = false, .shared_bytes = shared_bytes}, consume, context);
                   }});
  };
  add("emulated tiles", emulated::product_engines(), product::kSharedBytes);
  add("emulated bytes", emulated::byte_engines(), product::kSharedBytes);
  add("avx2 in rounds", avx2::product_engines(), kManyRounds);
  add("emulated tiles in rounds", emulated::product_engines(), kManyRounds);
  add("emulated bytes in rounds", emulated::byte_engines(), kManyRounds);
  return all;
}

}  // namespace dyadic::convolution_test
