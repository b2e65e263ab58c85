#include "dyadic/train/analysis.h"

#include <algorithm>

#include "dyadic/base/aligned.h"
#include "dyadic/kernels/decode.h"
#include "dyadic/nn/network.h"
#include "dyadic/nn/weight_workspace.h"
#include "dyadic/train/batch_loader.h"
#include "dyadic/train/open_run.h"

namespace dyadic {
namespace {

/// 1 where a value is not zero.
std::vector<std::uint8_t> nonzero(const Tensor& tensor) {
  AlignedVector<double> values(static_cast<std::size_t>(tensor.size()));
  WeightWorkspace workspace;
  decode_values(workspace.codes(tensor), tensor.format(), 0, tensor.size(), values.data());
  std::vector<std::uint8_t> mask(values.size());
  std::ranges::transform(values, mask.begin(), [](double value) { return static_cast<std::uint8_t>(value != 0); });
  return mask;
}

std::int64_t count_of(const std::vector<std::uint8_t>& mask) { return std::ranges::count(mask, std::uint8_t{1}); }

/// Every x at place (tap, channel) meets every weight of that tap and channel: what matters is how often each occurs.
struct TapCounts {
  std::int64_t places = 0;            // of the input that the tap reads, over all outputs
  std::vector<std::int64_t> nonzero;  // of them, by channel
};

TapCounts tap_inputs(const ConvolutionShape& shape, const std::vector<std::uint8_t>& x, std::int64_t tap_h,
                     std::int64_t tap_w) {
  TapCounts counts = {.nonzero = std::vector<std::int64_t>(static_cast<std::size_t>(shape.channels), 0)};
  for (std::int64_t n = 0; n < shape.batch; ++n) {
    for (std::int64_t i = 0; i < shape.out_height(); ++i) {
      const std::int64_t row = i * shape.stride_h - shape.pad_top + tap_h * shape.dilation_h;
      if (row < 0 || row >= shape.height) continue;
      for (std::int64_t j = 0; j < shape.out_width(); ++j) {
        const std::int64_t column = j * shape.stride_w - shape.pad_left + tap_w * shape.dilation_w;
        if (column < 0 || column >= shape.width) continue;
        ++counts.places;
        const std::uint8_t* from = x.data() + ((n * shape.height + row) * shape.width + column) * shape.channels;
        for (std::size_t c = 0; c < counts.nonzero.size(); ++c) counts.nonzero[c] += from[c];
      }
    }
  }
  return counts;
}

}  // namespace

void count_product(const LayerProduct& product, const Tensor& input, NodeAnalysis& node) {
  const ConvolutionShape& shape = product.shape;
  const std::vector<std::uint8_t> x = nonzero(input);
  const std::vector<std::uint8_t> w = nonzero(product.weight);
  node.inputs += input.size();
  node.zero_inputs += input.size() - count_of(x);
  const std::int64_t depth = shape.group_channels();
  const std::int64_t taps = shape.kernel_h * shape.kernel_w;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    const TapCounts counts = tap_inputs(shape, x, tap / shape.kernel_w, tap % shape.kernel_w);
    node.multiplications += counts.places * depth * shape.outputs;
    for (std::int64_t o = 0; o < shape.outputs; ++o) {
      const std::int64_t first_channel = o / shape.group_outputs() * depth;
      const std::uint8_t* weights = w.data() + (o * taps + tap) * depth;
      for (std::int64_t c = 0; c < depth; ++c) {
        if (weights[c] != 0) node.active += counts.nonzero[static_cast<std::size_t>(first_channel + c)];
      }
    }
  }
}

NetworkAnalysis analyze_run(const std::string& run_or_checkpoint, std::int64_t examples, const RunOptions& options,
                            const RunObserver& observer) {
  const OpenRun run = open_run(run_or_checkpoint, options, observer);
  Network& network = run.trainer->network();
  const ImageSet& set = run.data->test;
  NetworkAnalysis analysis = {.checkpoint = run.checkpoint,
                              .step = run.trainer->progress().step,
                              .examples = std::min(examples, set.count()),
                              .nodes = {}};
  constexpr std::int64_t kBatch = 100;
  for (std::int64_t first = 0; first < analysis.examples; first += kBatch) {
    const std::int64_t count = std::min(kBatch, analysis.examples - first);
    const Pass pass = {
        .plan = &network.plan(), .seed = run.trainer->recipe().seed, .step = analysis.step, .first_example = first};
    BatchLoader::load_range(set, {first, first + count}, pass, network);
    std::size_t index = 0;
    const auto observe = [&](Layer& layer, const Tensor& input) {
      const std::optional<LayerProduct> product = layer.product(input, pass);
      if (!product) return;
      if (index == analysis.nodes.size()) {
        analysis.nodes.push_back({.name = product->name,
                                  .weight_format = format_name(product->weight.format()),
                                  .input_format = format_name(input.format()),
                                  .weights = product->weight.size(),
                                  .zero_weights = product->weight.size() - count_of(nonzero(product->weight))});
      }
      count_product(*product, input, analysis.nodes[index++]);
    };
    network.forward_layers(pass, observe);
  }
  return analysis;
}

}  // namespace dyadic
