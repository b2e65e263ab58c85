#include "dyadic/convert/pack_network.h"

#include <algorithm>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/nn/thresholds.h"

namespace dyadic {
namespace {

/// A layer, and what its product multiplies by.
struct SeenLayer {
  Layer* layer = nullptr;
  std::optional<Tensor> weight;
};

/// The network's layers in the recipe's order, as one example passes through them.
std::vector<SeenLayer> seen_layers(Network& network, const Recipe& recipe, const Pass& pass) {
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(element_count(recipe.network.input)), 0);
  network.load_input(std::span<const std::uint8_t>(pixels), 1, pass);
  std::vector<SeenLayer> seen;
  network.forward_layers(pass, [&](Layer& layer, const Tensor& input) {
    const std::optional<LayerProduct> product = layer.product(input, pass);
    seen.push_back({&layer, product ? std::optional<Tensor>(product->weight) : std::nullopt});
  });
  if (seen.size() != recipe.network.layers.size()) {
    throw UsageError("network: " + std::to_string(seen.size()) + " layers for the recipe's " +
                     std::to_string(recipe.network.layers.size()));
  }
  return seen;
}

const Tensor& parameter_of(Network& network, const std::string& name) {
  for (const Parameter* parameter : network.parameters()) {
    if (parameter->name == name) return parameter->master;
  }
  for (const LayerState* state : network.states()) {
    if (state->name == name) return state->values;
  }
  throw UsageError("network: no tensor " + name);
}

}  // namespace

PackedModel pack_network(Network& network, const Recipe& recipe, const Pass& pass) {
  PackedModel model = {
      .recipe = recipe, .layers = {}, .norm = std::nullopt, .state_sha256 = {}, .data_fingerprint = {}};
  const std::vector<PackedNode> nodes = packed_plan(recipe);
  const std::vector<SeenLayer> seen = seen_layers(network, recipe, pass);
  auto product = seen.begin();
  for (const PackedNode& node : nodes) {
    product = std::find_if(product, seen.end(), [](const SeenLayer& layer) { return layer.weight.has_value(); });
    model.layers.push_back({.weight = *product->weight, .thresholds = {}});
    ++product;
    if (node.is_output()) continue;
    const auto states = [&](const Tensor& z, Tensor& codes) {
      Tensor normalized;
      if (node.norm) seen[*node.norm].layer->forward(z, normalized, pass);
      seen[*node.steps].layer->forward(node.norm ? normalized : z, codes, pass);
    };
    model.layers.back().thresholds =
        fold_thresholds(states, node.sums, node.largest, node.channels(), node.step_count());
  }
  const PackedNode& output = nodes.back();
  if (output.norm) {
    model.norm = {.mean = parameter_of(network, output.name + ".mean"),
                  .variance = parameter_of(network, output.name + ".variance"),
                  .scale = parameter_of(network, output.name + ".scale"),
                  .bias = parameter_of(network, output.name + ".bias")};
  }
  return model;
}

}  // namespace dyadic
