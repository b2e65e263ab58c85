#include "dyadic/convert/packed_run.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>

#include "dyadic/base/error.h"
#include "dyadic/convert/pack_network.h"
#include "dyadic/data/batches.h"
#include "dyadic/data/dataset.h"
#include "dyadic/experiment/layer_shape.h"
#include "dyadic/io/file.h"
#include "dyadic/nn/loss.h"
#include "dyadic/train/checkpoint.h"
#include "dyadic/train/open_run.h"

namespace dyadic {
namespace {

/// Values per example of the largest tensor between layers, as Network::largest_tensor() counts.
std::int64_t largest_tensor(const Recipe& recipe) {
  Shape shape = recipe.network.input;
  std::int64_t largest = element_count(shape);
  for (const LayerSpec& layer : recipe.network.layers) {
    shape = layer_output_shape(layer, shape);
    largest = std::max(largest, element_count(shape));
  }
  return largest;
}

/// The loss of the recipe, which reads scores as the network's last layer would have given them.
class ScoreLoss {
 public:
  explicit ScoreLoss(const PackedNetwork& network)
      : plan_(network.model().recipe.formats, node_names(network.model().recipe)),
        loss_(make_loss(network.model().recipe.network, plan_, static_cast<int>(network.nodes().size()),
                        network.nodes().back().norm ? NodeValue::normalized : NodeValue::preactivation, true)) {}

  double of(const PackedNetwork& network, std::span<const std::uint8_t> targets, const Pass& pass) {
    scores_.reset({std::ssize(targets), network.classes()}, parse_format("float32"));
    std::ranges::transform(network.scores(), scores_.codes<float>().begin(), order_value);
    return loss_->forward(scores_, targets, pass).loss;
  }

 private:
  NumberPlan plan_;
  std::unique_ptr<Loss> loss_;
  Tensor scores_;
};

EvaluationScore evaluate(PackedNetwork& network, const ImageSet& set, ExampleRange range) {
  ScoreLoss loss(network);
  EvaluationScore score;
  std::int64_t errors = 0;
  // The batch of the run's evaluation: the sum of losses has one order.
  const std::int64_t batch = evaluation_batch(network.model().recipe, largest_tensor(network.model().recipe));
  for (std::int64_t first = range.begin; first < range.end; first += batch) {
    const std::int64_t count = std::min(batch, range.end - first);
    const auto values = static_cast<std::size_t>(set.values());
    const auto begin = static_cast<std::size_t>(first) * values;
    const auto size = static_cast<std::size_t>(count) * values;
    const Tensor input = set.is_float() ? network.input_codes(set.floats.subspan(begin, size), count)
                                        : network.input_codes(std::span(set.pixels).subspan(begin, size), count);
    const std::vector<std::uint8_t> predicted = network.forward(input);
    const std::span<const std::uint8_t> targets(set.labels.data() + first, static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < predicted.size(); ++i) errors += predicted[i] != targets[i] ? 1 : 0;
    score.loss += loss.of(network, targets, {.seed = network.model().recipe.seed});
  }
  const auto examples = static_cast<double>(range.count());
  score.error = range.count() == 0 ? 0 : 100.0 * static_cast<double>(errors) / examples;
  score.loss = range.count() == 0 ? 0 : score.loss / examples;
  return score;
}

}  // namespace

ExportReport export_packed(const std::string& run_or_checkpoint, const std::string& file, Packing packing,
                           const RunOptions& options, const RunObserver& observer) {
  const OpenRun run = open_run(run_or_checkpoint, options, observer);
  std::error_code none;  // a file that is not there is another one
  if (std::filesystem::equivalent(run.checkpoint, file, none)) {
    throw UsageError(file + " is the checkpoint itself; write another file");
  }
  Trainer& trainer = *run.trainer;
  const Recipe recipe = recipe_of_stage(trainer.recipe(), trainer.recipe().stage_at(trainer.progress().epochs));
  const Pass pass = {.plan = &trainer.network().plan(), .seed = recipe.seed, .step = trainer.progress().step};
  PackedModel model = pack_network(trainer.network(), recipe, pass);
  model.step = trainer.progress().step;
  model.state_sha256 = state_checksum(trainer.network());
  model.data_fingerprint = run.data->fingerprint;
  ExportReport report = {.checkpoint = run.checkpoint, .file = file};
  for (const PackedLayer& layer : model.layers) report.weights += layer.weight.size();
  report.float32_bytes = report.weights * 4;
  const std::vector<std::byte> bytes =
      serialize_safetensors(make_packed_file(PackedNetwork(std::move(model)).model(), packing));
  report.bytes = std::ssize(bytes);
  write_file_atomically(file, bytes);
  return report;
}

EvaluationReport evaluate_packed(PackedNetwork& network, const std::string& path, const RunOptions& options,
                                 const RunObserver& observer) {
  const PackedModel& model = network.model();
  try {
    const DataSet data = load_dataset(model.recipe.data.name, options.data_directory);
    if (data.train.classes != network.classes()) {
      throw UsageError(std::to_string(network.classes()) + " classes, " + data.name + " has " +
                       std::to_string(data.train.classes));
    }
    if (data.fingerprint != model.data_fingerprint && observer.warning) {
      observer.warning(path + ": the data are not those that the network was trained on");
    }
    const SplitRanges split = split_ranges({model.recipe.data.train, model.recipe.data.valid}, data.train);
    const EvaluationScore validation = evaluate(network, data.train, split.valid);
    const EvaluationScore test = evaluate(network, data.test, {0, data.test.count()});
    return {.checkpoint = path,
            .step = model.step,
            .validation_error = validation.error,
            .test_error = test.error,
            .test_loss = test.loss,
            .test_examples = data.test.count(),
            .checkpoint_sha256 = model.state_sha256};
  } catch (const UsageError& error) {  // the data set, its split and the shapes are what the file says
    throw FileFormatError(path + ": " + error.what());
  }
}

}  // namespace dyadic
