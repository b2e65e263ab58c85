#include "dyadic/train/optimizer.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/formats/block.h"
#include "dyadic/kernels/adam.h"
#include "dyadic/kernels/blocks.h"
#include "dyadic/kernels/column_norm.h"
#include "dyadic/kernels/decode.h"
#include "dyadic/kernels/elements.h"
#include "dyadic/kernels/state_transition.h"
#include "dyadic/kernels/update.h"

namespace dyadic {
namespace {

/// Elements at a time: the float64 of a piece stays in the nearest cache. A multiple of every block size.
constexpr std::int64_t kPiece = 2048;

struct UpdateCounts {
  RoundingCounts master_before, update, moment;
  std::int64_t master_nonfinite = 0;

  UpdateCounts& operator+=(const UpdateCounts& other) {
    master_before += other.master_before;
    update += other.update;
    moment += other.moment;
    master_nonfinite += other.master_nonfinite;
    return *this;
  }
};

/// sgd on a master that is rounded, with a momentum without blocks: the fused kernels.
UpdateCounts update_rounded_sgd(Parameter& parameter, const OptimizerStep& step) {
  Tensor& master = parameter.master;
  const bool is_matrix = master.shape().size() > 1;
  SgdUpdate job = {.momentum = step.momentum,
                   .learning_rate = step.learning_rate * parameter.learning_rate_scale,
                   .max_norm = parameter.norm_over_outputs ? 0 : parameter.max_norm,
                   .weight_decay = parameter.weight_decay,
                   .rows = is_matrix ? master.shape()[0] : 1,
                   .columns = is_matrix ? master.size() / master.shape()[0] : master.size(),
                   .master = master.data(),
                   .master_from = master.format(),
                   .master_to = parameter.master_point->current,
                   .update = parameter.update.data(),
                   .update_from = parameter.update.format(),
                   .update_to = parameter.update_point->current,
                   .gradient = parameter.gradient.data(),
                   .gradient_format = parameter.gradient.format(),
                   .update_random = {step.seed, step.step, parameter.update_point->stream()},
                   .master_random = {step.seed, step.step, parameter.master_point->stream()}};
  // Range initialisation compares values with the range of now; codes of a dfx master keep the one they were written
  // in.
  if (job.master_from.family == Family::floating) job.master_from.range = job.master_to.range;
  const SgdUpdateCounts fused = sgd_update(job);
  UpdateCounts counts = {.master_before = fused.master_before,
                         .update = fused.update,
                         .moment = {},
                         .master_nonfinite = fused.master_nonfinite};
  master.set_format(job.master_to);
  parameter.update.set_format(job.update_to);
  if (parameter.norm_over_outputs && parameter.max_norm > 0) {
    counts.master_nonfinite = limit_column_norms(master, parameter.max_norm, job.master_random).nonfinite;
  }
  return counts;
}

/// Turns gradients of elements [first, first + n) into wanted changes; counts the update and the moment.
using WantedChanges = void (*)(Parameter& parameter, const OptimizerStep& step, std::int64_t first, std::int64_t n,
                               double* gradient, UpdateCounts& counts);

/// Without a momentum to keep: the change is rounded as the momentum would be.
void want_by_gradient(Parameter& parameter, const OptimizerStep& step, std::int64_t first, std::int64_t n,
                      double* gradient, UpdateCounts& counts) {
  const Format& to = parameter.update_point->current;
  const double rate = step.learning_rate * parameter.learning_rate_scale;
  for (std::int64_t i = 0; i < n; ++i) gradient[i] = -(rate * gradient[i]);
  AlignedVector<std::byte> codes(static_cast<std::size_t>(n * code_bytes(code_type(to))));
  const RoundingRandom random = {{step.seed, step.step, parameter.update_point->stream()},
                                 static_cast<std::uint64_t>(first)};
  if (to.has_blocks()) {
    std::vector<std::int8_t> exponents(static_cast<std::size_t>(block_count(to, n)));
    counts.update += quantize_blocks(gradient, n, to, codes.data(), exponents.data(), random);
    return decode_blocks(codes.data(), exponents.data(), to, n, gradient);
  }
  counts.update += quantize(gradient, n, to, codes.data(), random);
  decode_values(codes.data(), to, 0, n, gradient);
}

void want_by_momentum(Parameter& parameter, const OptimizerStep& step, std::int64_t first, std::int64_t n,
                      double* gradient, UpdateCounts& counts) {
  const auto size = static_cast<std::size_t>(n);
  Tensor& update = parameter.update;
  const Format& to = parameter.update_point->current;
  const double rate = step.learning_rate * parameter.learning_rate_scale;
  AlignedVector<double> values(size);
  read_elements(update, first, n, values.data());
  for (std::size_t i = 0; i < size; ++i) values[i] = step.momentum * values[i] - rate * gradient[i];
  const RandomStream random = {step.seed, step.step, parameter.update_point->stream()};
  counts.update += write_elements(values.data(), first, n, to, random, update);
  reread_elements(update, to, first, n, gradient);
}

void want_by_adam(Parameter& parameter, const OptimizerStep& step, std::int64_t first, std::int64_t n, double* gradient,
                  UpdateCounts& counts) {
  const TrainSpec& spec = step.spec;
  const double rate = step.learning_rate * parameter.learning_rate_scale;
  const AdamMoments job = {.beta1 = spec.beta1,
                           .beta2 = spec.beta2,
                           .epsilon = spec.epsilon,
                           .rate = adam_rate(rate, spec.beta1, spec.beta2, step.moments_step),
                           .first = &parameter.update,
                           .first_to = parameter.update_point->current,
                           .second = &parameter.moment,
                           .second_to = parameter.moment_point->current,
                           .first_random = {step.seed, step.step, parameter.update_point->stream()},
                           .second_random = {step.seed, step.step, parameter.moment_point->stream()}};
  const AdamCounts moments = adam_step(job, first, n, gradient);
  counts.update += moments.first;
  counts.moment += moments.second;
}

/// The master's `codes` of a piece take wanted changes and are written back: by state transition if it is discrete,
/// else W' = Q(W + change).
void take_changes(Parameter& parameter, const OptimizerStep& step, std::int64_t first, std::int64_t n,
                  const double* wanted, std::byte* codes, UpdateCounts& counts) {
  Tensor& master = parameter.master;
  const RoundingPoint& point = *parameter.master_point;
  if (master.format().family == Family::discrete) {
    const std::vector<float> change(wanted, wanted + n);
    const StateTransition transition = {
        .format = master.format(),
        .factor = step.spec.transition_factor,
        .words = {step.seed, step.step,
                  stream_number(static_cast<std::uint32_t>(point.node), static_cast<std::uint32_t>(point.role),
                                RandomPurpose::state_transition)}};
    counts.master_nonfinite += move_states(transition, first, n, change.data(), codes);
    master.write(first, n, codes);
    return;
  }
  AlignedVector<double> values(static_cast<std::size_t>(n));
  decode_values(codes, master.format(), 0, n, values.data());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += wanted[i];
  const RoundingRandom random = {{step.seed, step.step, point.stream()}, static_cast<std::uint64_t>(first)};
  counts.master_nonfinite += quantize(values.data(), n, point.current, codes, random).nonfinite;
  master.write(first, n, codes);
}

UpdateCounts update_in_pieces(Parameter& parameter, const OptimizerStep& step, WantedChanges want) {
  Tensor& master = parameter.master;
  std::vector<UpdateCounts> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(master.size(), kPiece, [&](std::int64_t begin, std::int64_t end, int part) {
    AlignedVector<double> change(static_cast<std::size_t>(kPiece)), weight(static_cast<std::size_t>(kPiece));
    AlignedVector<std::byte> codes(static_cast<std::size_t>(kPiece * code_bytes(code_type(master.format()))));
    UpdateCounts& counts = parts[static_cast<std::size_t>(part)];
    for (std::int64_t first = begin; first < end; first += kPiece) {
      const std::int64_t n = std::min(kPiece, end - first);
      master.read(first, n, codes.data());
      counts.master_before += count_codes(codes.data(), n, master.format());
      decode_values(parameter.gradient.data(), parameter.gradient.format(), first, n, change.data());
      if (parameter.weight_decay != 0) {
        decode_values(codes.data(), master.format(), 0, n, weight.data());
        for (std::int64_t i = 0; i < n; ++i) {
          change[static_cast<std::size_t>(i)] += parameter.weight_decay * weight[static_cast<std::size_t>(i)];
        }
      }
      want(parameter, step, first, n, change.data(), counts);
      take_changes(parameter, step, first, n, change.data(), codes.data(), counts);
    }
  });
  UpdateCounts sum;
  for (const UpdateCounts& part : parts) sum += part;
  master.set_format(parameter.master_point->current);
  if (!parameter.update.empty()) parameter.update.set_format(parameter.update_point->current);
  if (!parameter.moment.empty()) parameter.moment.set_format(parameter.moment_point->current);
  return sum;
}

UpdateCounts update_tensors(Parameter& parameter, const OptimizerStep& step) {
  if (step.spec.optimizer == "adam") return update_in_pieces(parameter, step, want_by_adam);
  const bool in_pieces = parameter.master.format().family == Family::discrete || parameter.update.format().has_blocks();
  if (!in_pieces) return update_rounded_sgd(parameter, step);
  return update_in_pieces(parameter, step, parameter.update.empty() ? want_by_gradient : want_by_momentum);
}

}  // namespace

void update_parameter(Parameter& parameter, const OptimizerStep& step, NumberPlan& plan) {
  const UpdateCounts counts = update_tensors(parameter, step);
  // The group's range follows the masters as stored before the step; what the step wrote is looked at for NaN only.
  RoundingCounts before = counts.master_before;
  before.nonfinite = counts.master_nonfinite;
  plan.count(*parameter.master_point, before);
  plan.count(*parameter.update_point, counts.update);
  if (!parameter.moment.empty()) plan.count(*parameter.moment_point, counts.moment);
}

}  // namespace dyadic
