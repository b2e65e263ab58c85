// The update step with a weight decay, on every tier, against a plain float64 loop over decode and encode.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/math.h"
#include "dyadic/base/parallel.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/update.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

constexpr std::int64_t kRows = 5;
constexpr double kMomentum = 0.53;
constexpr double kRate = 0.05 * 0.93;
constexpr RandomStream kUpdateRandom = {.seed = 9, .step = 4, .stream = 7};
constexpr RandomStream kMasterRandom = {.seed = 9, .step = 4, .stream = 8};

/// Formats of master (before, after), momentum and gradient.
struct DecayCase {
  std::string master_from, master_to, update, gradient;
};

const std::vector<DecayCase> kDecayCases = {
    {"q4.12:sat:sr", "q4.12:sat:sr", "q4.12:sat:sr", "q4.12:sat:sr"},
    {"dfx12@-2:sat:rna", "dfx12@-2:sat:rna", "dfx10@-4:sat:rna", "dfx10@1:sat:rna"},
    {"dfx12@-2:sat:rna", "dfx12@-1:sat:rna", "dfx10@-4:sat:rna", "dfx10@1:sat:rna"},
    {"dfx20@0:sat:rne", "dfx20@0:sat:rne", "dfx20@0:sat:rne", "dfx20@0:sat:rne"},
    {"q4.28:sat:rne", "q4.28:sat:rne", "q4.28:sat:sr", "q4.28:sat:rne"},
    {"float32", "float32", "float32", "float32"},
    {"float32@0", "float32@-1", "float32@-3", "float32@5"},
    {"float16", "float16", "float16", "float16"},
    {"bfloat16:inf:sr16", "bfloat16:inf:sr16", "bfloat16", "bfloat16"},
};

Tensor random_row(std::int64_t columns, const std::string& name, std::uint32_t stream) {
  const Format format = parse_format(name);
  Tensor tensor({kRows, columns}, format);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const double unit = 2 * random_uniform({.seed = 5, .stream = stream}, static_cast<std::uint64_t>(i)) - 1;
    tensor.set_code(i, encode(format, unit * 0.7 * (format.is_grid() ? decode(format, format.max_code) : 1)).code);
  }
  return tensor;
}

struct State {
  Tensor master, update;
};

SgdUpdateCounts run(const DecayCase& row, State& state, const Tensor& gradient, double max_norm, double decay) {
  const SgdUpdate job = {.momentum = kMomentum,
                         .learning_rate = kRate,
                         .max_norm = max_norm,
                         .weight_decay = decay,
                         .rows = kRows,
                         .columns = state.master.size() / kRows,
                         .master = state.master.data(),
                         .master_from = state.master.format(),
                         .master_to = parse_format(row.master_to),
                         .update = state.update.data(),
                         .update_from = state.update.format(),
                         .update_to = state.update.format(),
                         .gradient = gradient.data(),
                         .gradient_format = gradient.format(),
                         .update_random = kUpdateRandom,
                         .master_random = kMasterRandom};
  const SgdUpdateCounts counts = sgd_update(job);
  state.master.set_format(job.master_to);
  return counts;
}

void round_into(Tensor& tensor, std::int64_t i, double value, const RandomStream& random) {
  const int width = random_bits_per_element(tensor.format().rounding);
  const std::uint32_t bits = width == 0 ? 0 : random_bits(random, static_cast<std::uint64_t>(i), width);
  tensor.set_code(i, encode(tensor.format(), value, bits).code);
}

double value_of(const Tensor& tensor, std::int64_t i) { return decode(tensor.format(), tensor.code(i)); }

double row_norm(const Tensor& master, std::int64_t row, std::int64_t columns) {
  std::uint64_t integers = 0;  // their sum of squares, for grids of at most 27 bits; other codes are bit patterns
  std::vector<double> squares;
  for (std::int64_t i = row * columns; i < (row + 1) * columns; ++i) {
    const auto code = static_cast<std::uint64_t>(master.code(i));
    integers += code * code;
    squares.push_back(value_of(master, i) * value_of(master, i));
  }
  if (!master.format().is_grid()) return std::sqrt(tree_sum(squares));
  return std::ldexp(std::sqrt(static_cast<double>(integers)), master.format().step_exponent);
}

/// docs/numerics.md, line by line. Without optimisation across statements: each operation is rounded.
State expected_state(const DecayCase& row, const State& before, const Tensor& gradient, double max_norm, double decay) {
  State after = {Tensor(before.master.shape(), parse_format(row.master_to)), before.update};
  const std::int64_t columns = before.master.size() / kRows;
  for (std::int64_t i = 0; i < before.master.size(); ++i) {
    const double decayed = decay * value_of(before.master, i);
    const double slope = value_of(gradient, i) + decayed;
    const double kept = kMomentum * value_of(before.update, i);
    const double step = kRate * slope;
    round_into(after.update, i, kept - step, kUpdateRandom);
    round_into(after.master, i, value_of(before.master, i) + value_of(after.update, i), kMasterRandom);
  }
  for (std::int64_t r = 0; max_norm > 0 && r < kRows; ++r) {
    const double norm = row_norm(after.master, r, columns);
    const double factor = std::min(norm, max_norm) / (1e-7 + norm);
    for (std::int64_t i = r * columns; i < (r + 1) * columns; ++i) {
      round_into(after.master, i, value_of(after.master, i) * factor, kMasterRandom);
    }
  }
  return after;
}

bool same_codes(const Tensor& a, const Tensor& b) {
  for (std::int64_t i = 0; i < a.size(); ++i) {
    if (a.code(i) != b.code(i)) return false;
  }
  return true;
}

class WeightDecay : public testing::Test {
 protected:
  ~WeightDecay() override { set_thread_count(1); }
  IsaGuard guard_;
};

TEST_F(WeightDecay, AddsItsShareOfTheMasterToTheGradient) {
  for (const DecayCase& row : kDecayCases) {
    for (const std::int64_t columns : {1, 9, 64, 75}) {
      const State before = {random_row(columns, row.master_from, 1), random_row(columns, row.update, 2)};
      const Tensor gradient = random_row(columns, row.gradient, 3);
      for (const double max_norm : {0.0, 0.3}) {
        const State expected = expected_state(row, before, gradient, max_norm, 0.37);
        for (const Isa isa : supported_isas()) {
          set_isa(isa);
          set_thread_count(isa == Isa::ref ? 1 : 3);
          State found = before;
          const SgdUpdateCounts counts = run(row, found, gradient, max_norm, 0.37);
          const std::string what = row.master_to + " " + std::string(isa_name(isa)) + " columns " +
                                   std::to_string(columns) + " norm " + std::to_string(max_norm);
          EXPECT_TRUE(same_codes(found.master, expected.master)) << what;
          EXPECT_TRUE(same_codes(found.update, expected.update)) << what;
          EXPECT_EQ(counts.master_before,
                    count_codes(before.master.data(), before.master.size(), before.master.format()))
              << "the masters before the step are counted: " << what;
        }
      }
    }
  }
}

TEST_F(WeightDecay, OfZeroIsNone) {
  for (const DecayCase& row : kDecayCases) {
    const State before = {random_row(75, row.master_from, 1), random_row(75, row.update, 2)};
    const Tensor gradient = random_row(75, row.gradient, 3);
    State none = before;
    State some = before;
    run(row, none, gradient, 0, 0);
    run(row, some, gradient, 0, 0.37);
    EXPECT_TRUE(same_codes(none.update, expected_state(row, before, gradient, 0, 0).update)) << row.master_to;
    EXPECT_FALSE(same_codes(none.update, some.update)) << row.master_to;
  }
}

}  // namespace
}  // namespace dyadic
