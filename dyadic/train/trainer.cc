#include "dyadic/train/trainer.h"

#include <algorithm>
#include <cstdio>

#include "dyadic/base/error.h"
#include "dyadic/formats/block.h"
#include "dyadic/formats/packing.h"
#include "dyadic/kernels/elements.h"
#include "dyadic/train/initial_weights.h"
#include "dyadic/train/optimizer.h"

namespace dyadic {
namespace {

constexpr std::int64_t kInitialisationOrder = -2;

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Roles of what lives from one step to the next.
std::vector<const RoundingPoint*> kept_points(const Parameter& parameter) {
  std::vector<const RoundingPoint*> points = {parameter.master_point};
  if (!parameter.update.empty()) points.push_back(parameter.update_point);
  if (!parameter.moment.empty()) points.push_back(parameter.moment_point);
  return points;
}

}  // namespace

std::int64_t evaluation_batch(const Recipe& recipe, std::int64_t largest_tensor) {
  constexpr std::int64_t kMost = 1000;
  constexpr std::int64_t kValues = std::int64_t{1} << 20;  // of the largest tensor
  return std::max(recipe.train.batch, std::min(kMost, kValues / std::max<std::int64_t>(1, largest_tensor)));
}

Trainer::Trainer(const Recipe& recipe, const DataSet& data, const SafetensorsFile* initial)
    : recipe_(recipe),
      data_(data),
      initial_(initial),
      split_(split_ranges({recipe.data.train, recipe.data.valid}, data.train)),
      loader_({.pad = recipe.data.augment_pad, .flip = recipe.data.augment_flip}),
      network_(recipe, data.train.classes) {
  network_.plan().set_formats(recipe_.formats_of_stage(0));
  network_.plan().set_initialising(recipe.formats.uses_ranges() && recipe.formats.range.init_epochs > 0);
  begin_parameters(false);
}

void Trainer::begin_parameters(bool keep_updates) {
  network_.initialise(recipe_.seed, keep_updates);
  if (initial_ != nullptr) load_initial_weights(*initial_, "initial weights", recipe_.seed, network_);
}

std::int64_t Trainer::batches_per_epoch() const { return split_.train.count() / recipe_.train.batch; }

double Trainer::learning_rate() const {
  if (!initialising() && progress_.epochs < recipe_.train.warmup_epochs_at_zero) return 0;
  return recipe_.train.learning_rate.at(progress_.epochs, recipe_.train.epochs);
}

double Trainer::momentum() const { return recipe_.train.momentum.at(progress_.epochs, recipe_.train.epochs); }

std::int64_t Trainer::moments_step() const {
  const std::int64_t step = std::int64_t{progress_.step} + 1;
  return initialising() ? step : step - progress_.init_epochs * batches_per_epoch();
}

void Trainer::load_batch(const Pass& pass) {
  const std::int64_t wanted = initialising() ? kInitialisationOrder : progress_.epochs;
  if (order_epoch_ != wanted) {
    order_ = epoch_order(static_cast<std::uint32_t>(split_.train.count()), recipe_.seed,
                         static_cast<std::uint32_t>(progress_.epochs), !initialising());
    order_epoch_ = wanted;
  }
  examples_.resize(static_cast<std::size_t>(recipe_.train.batch));
  const auto first = static_cast<std::size_t>(progress_.batch * recipe_.train.batch);
  for (std::size_t i = 0; i < examples_.size(); ++i) examples_[i] = split_.train.begin + order_[first + i];
  loader_.load_training(data_.train, examples_, pass, network_);
  targets_.resize(examples_.size());
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    targets_[i] = data_.train.labels[static_cast<std::size_t>(examples_[i])];
  }
}

void Trainer::enter_stage() {
  network_.plan().set_formats(recipe_.formats_of_stage(recipe_.stage_at(progress_.epochs)));
  const auto rewrite = [&](Tensor& tensor, const RoundingPoint& point) {
    const Format& format = point.current;
    Format written = tensor.format();
    written.range = format.range;  // a range that moved is the business of the next update
    written.step_exponent = format.step_exponent;
    if (written == format) return;
    Tensor old = std::move(tensor);
    tensor = Tensor(old.shape(), format);
    requantize(old, {recipe_.seed, progress_.step, point.stream()}, tensor);
  };
  for (Parameter* parameter : network_.parameters()) {
    rewrite(parameter->master, *parameter->master_point);
    if (!parameter->update.empty()) rewrite(parameter->update, *parameter->update_point);
    if (!parameter->moment.empty()) rewrite(parameter->moment, *parameter->moment_point);
  }
  network_.fit_updates();
  network_.compress_weights();
  for (LayerState* state : network_.states()) rewrite(state->values, *state->point);
}

std::vector<std::string> Trainer::step() {
  NumberPlan& plan = network_.plan();
  if (progress_.batch == 0) plan.begin_epoch();
  const Pass pass = {.plan = &plan, .seed = recipe_.seed, .step = progress_.step, .training = true};
  load_batch(pass);
  const BatchScore score = network_.forward(targets_, pass);
  const OptimizerStep step = {.spec = recipe_.train,
                              .learning_rate = learning_rate(),
                              .momentum = momentum(),
                              .seed = recipe_.seed,
                              .step = progress_.step,
                              .moments_step = moments_step()};
  network_.backward(targets_, pass, [&](Parameter& parameter) { update_parameter(parameter, step, plan); });
  progress_.loss_sum += score.loss;
  progress_.errors += score.errors;
  progress_.examples += recipe_.train.batch;
  ++progress_.batch;
  ++progress_.step;
  return plan.end_batch();
}

EvaluationScore Trainer::evaluate(const ImageSet& set, ExampleRange range) { return *evaluate_until(set, range, {}); }

std::optional<EvaluationScore> Trainer::evaluate_until(const ImageSet& set, ExampleRange range, const StopTest& stop) {
  std::int64_t errors = 0;
  double loss = 0;
  const std::int64_t batch = evaluation_batch(recipe_, network_.largest_tensor());
  for (std::int64_t first = range.begin; first < range.end; first += batch) {
    if (stop && stop()) return std::nullopt;
    const std::int64_t count = std::min(batch, range.end - first);
    const Pass pass = {.plan = &network_.plan(),
                       .seed = recipe_.seed,
                       .step = progress_.step,
                       .training = false,
                       .first_example = first - range.begin};
    const std::span<const std::uint8_t> targets(set.labels.data() + first, static_cast<std::size_t>(count));
    BatchLoader::load_range(set, {first, first + count}, pass, network_);
    const BatchScore score = network_.forward(targets, pass);
    errors += score.errors;
    loss += score.loss;
  }
  return EvaluationScore{.error = percent(errors, range.count()),
                         .loss = range.count() == 0 ? 0 : loss / static_cast<double>(range.count())};
}

std::optional<EpochReport> Trainer::end_epoch(const StopTest& stop) {
  const bool was_initialising = initialising();
  std::optional<EvaluationScore> validation;
  std::optional<EvaluationScore> test;
  if (!was_initialising) {
    validation = evaluate_until(data_.train, split_.valid, stop);
    if (validation) test = evaluate_until(data_.test, {0, data_.test.count()}, stop);
    if (!test) return std::nullopt;
  }
  const std::int64_t examples = progress_.batch * recipe_.train.batch;
  EpochReport report = {.epoch = (was_initialising ? progress_.init_epochs : progress_.epochs) + 1,
                        .epochs = was_initialising ? recipe_.formats.range.init_epochs : recipe_.train.epochs,
                        .initialising = was_initialising,
                        .step = progress_.step,
                        .learning_rate = learning_rate(),
                        .momentum = momentum(),
                        .loss = progress_.loss_sum / static_cast<double>(examples),
                        .train_error = percent(progress_.errors, examples)};
  report.roles = role_reports();
  progress_.batch = 0;
  progress_.loss_sum = 0;
  progress_.errors = 0;
  if (was_initialising) {
    if (++progress_.init_epochs == recipe_.formats.range.init_epochs) {
      network_.plan().set_initialising(false);
      // Adam's corrections for moments that began at zero belong to moments that did.
      begin_parameters(!recipe_.formats.range.reset_momentum && recipe_.train.optimizer != "adam");
    }
    return report;
  }
  report.validation_error = progress_.validation_error = validation->error;
  report.test_error = progress_.test_error = test->error;
  ++progress_.epochs;
  if (recipe_.stage_at(progress_.epochs) != recipe_.stage_at(progress_.epochs - 1)) enter_stage();
  progress_.best_test_error = std::min(progress_.best_test_error, progress_.test_error);
  if (progress_.validation_error < progress_.best_validation_error) {
    progress_.best_validation_error = progress_.validation_error;
    progress_.test_error_at_best = progress_.test_error;
    progress_.best_epoch = progress_.epochs;
  }
  check_divergence(report.train_error);
  return report;
}

void Trainer::check_divergence(double train_error) {
  constexpr std::int64_t kGraceEpochs = 3;
  const double chance = 100.0 * (1.0 - 1.0 / data_.train.classes);
  if (progress_.epochs <= kGraceEpochs) return;
  progress_.epochs_at_chance = train_error > 0.95 * chance ? progress_.epochs_at_chance + 1 : 0;
  if (progress_.epochs_at_chance < recipe_.train.patience) return;
  char percent[32];
  std::snprintf(percent, sizeof percent, "%.2f", train_error);
  throw NonFiniteError("training error " + std::string(percent) + " % has stayed above 0.95 of chance for " +
                       std::to_string(recipe_.train.patience) +
                       " epochs: the run does not learn; lower the learning rate or widen the formats");
}

std::vector<RoleReport> Trainer::role_reports() {
  std::vector<RoleReport> reports;
  const NumberPlan& plan = network_plan();
  for (const RoundingPoint* point : network_.plan().points()) {
    if (point->epoch.elements == 0) continue;
    const auto elements = static_cast<double>(point->epoch.elements);
    reports.push_back({.node = plan.nodes()[static_cast<std::size_t>(point->node)],
                       .role = std::string(role_name(point->role)),
                       .format = format_name(point->current),
                       .overflow_rate = static_cast<double>(point->epoch.largest) / elements,
                       .zero_rate = static_cast<double>(point->epoch.zeros) / elements,
                       .has_range = point->group >= 0,
                       .range = point->group >= 0 ? point->current.range : 0});
  }
  return reports;
}

double Trainer::state_bytes_per_parameter() {
  std::int64_t bytes = 0;
  for (const Parameter* parameter : network_.parameters()) {
    // After range initialisation the tensors take their recipe's formats: those are what is stated.
    for (const RoundingPoint* point : kept_points(*parameter)) {
      const std::int64_t size = parameter->master.size();
      const bool is_compressed = point == parameter->master_point && parameter->master.is_compressed();
      bytes += is_compressed ? packed_bytes(size, point->target.width)
                             : size * code_bytes(code_type(point->target)) + block_count(point->target, size);
    }
  }
  return static_cast<double>(bytes) / static_cast<double>(network_.parameter_count());
}

double Trainer::packed_bits_per_parameter() {
  std::int64_t bits = 0;
  for (const Parameter* parameter : network_.parameters()) {
    const std::int64_t size = parameter->master.size();
    for (const RoundingPoint* point : kept_points(*parameter)) {
      bits += size * point->target.width + 8 * block_count(point->target, size);
    }
  }
  return static_cast<double>(bits) / static_cast<double>(network_.parameter_count());
}

}  // namespace dyadic
