// How sparse a trained network is: zeros among weights and among the values that products read, and how many of their
// multiplications have both factors other than zero. A gated XNOR unit (Deng et al. 2018) rests in all others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/nn/layer.h"
#include "dyadic/train/run.h"

namespace dyadic {

/// Of one node with weights. Multiplications with padding do not take place and are counted nowhere.
struct NodeAnalysis {
  std::string name;
  std::string weight_format;
  std::string input_format;
  std::int64_t weights = 0;
  std::int64_t zero_weights = 0;
  std::int64_t inputs = 0;  // values read, over all examples
  std::int64_t zero_inputs = 0;
  std::int64_t multiplications = 0;  // over all examples
  std::int64_t active = 0;           // of them, both factors are not zero
};

struct NetworkAnalysis {
  std::string checkpoint;
  std::uint32_t step = 0;
  std::int64_t examples = 0;
  std::vector<NodeAnalysis> nodes;
};

/// Adds what a product does with `input` to node's inputs, multiplications and active ones.
void count_product(const LayerProduct& product, const Tensor& input, NodeAnalysis& node);

/// The newest valid checkpoint of a run, or a checkpoint file beside its run's recipe, on the first `examples` test
/// examples. Exact counts. Throws as evaluate_run() does.
NetworkAnalysis analyze_run(const std::string& run_or_checkpoint, std::int64_t examples, const RunOptions& options,
                            const RunObserver& observer);

}  // namespace dyadic
