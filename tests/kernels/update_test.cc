// The update step on every tier against its definition, element by element through the codec.
#include "dyadic/kernels/update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {
namespace {

/// Formats of master (before, after), momentum (before, after) and gradient.
struct UpdateCase {
  std::string master_from, master_to, update_from, update_to, gradient;
};

const std::vector<UpdateCase> kUpdateCases = {
    {"dfx12@-2:sat:rna", "dfx12@-2:sat:rna", "dfx10@-4:sat:rna", "dfx10@-4:sat:rna", "dfx10@1:sat:rna"},
    {"dfx12@-2:sat:rna", "dfx12@-3:sat:rna", "dfx10@-4:sat:rna", "dfx10@-3:sat:rna", "dfx10@1:sat:rna"},
    {"dfx12@-2:sat:rne", "dfx12@-2:sat:rne", "dfx10@-4:sat:rne", "dfx10@-4:sat:rne", "dfx10@1:sat:rne"},
    {"dfx12@-2:sat:rna", "dfx12@-1:sat:rna", "dfx10@-6:sat:rna", "dfx10@-6:sat:rna", "dfx10@-2:sat:rna"},
    {"dfx12@-2:sat:rne", "dfx12@-1:sat:rne", "dfx10@-6:sat:rne", "dfx10@-6:sat:rne", "dfx10@-2:sat:rne"},
    {"q6.14s:sat:rna", "q6.14s:sat:rna", "q6.14s:sat:rna", "q6.14s:sat:rna", "q6.14s:sat:rna"},
    {"q2.14:sat:rne", "q2.14:sat:rne", "q2.14:sat:rne", "q2.14:sat:rne", "q2.14:sat:rne"},
    {"dfx12@-2:sat:rne", "dfx12@-2:sat:rne", "q2.14:sat:rne", "q2.14:sat:rne", "q2.14:sat:rne"},
    {"dfx20@0:sat:rna", "dfx20@0:sat:rna", "dfx10@-4:sat:rna", "dfx10@-4:sat:rna", "dfx8@1:sat:rna"},
    {"q6.14s:sat:rne", "q6.14s:sat:rne", "dfx12@-3:sat:rne", "dfx12@-4:sat:rne", "q6.14s:sat:rne"},
    {"dfx12@-2:sat:rna", "dfx12@-1:sat:rna", "q6.14s:sat:rna", "q6.14s:sat:rna", "dfx10@1:sat:rna"},
    {"q2.14:sat:sr", "q2.14:sat:sr", "q2.14:sat:sr16", "q2.14:sat:sr16", "q2.14:sat:sr8"},
    {"dfx12@0:sat:srh", "dfx12@0:sat:srh", "dfx10@-2:sat:sr", "dfx10@-2:sat:sr", "dfx10@1:sat:sr"},
    {"float32", "float32", "float32", "float32", "float32"},
    {"float32@0", "float32@-1", "float32@-3", "float32@-3", "float32@5"},
    {"float16", "float16", "float16", "float16", "float16"},
    {"float16@0", "float16@-1", "float16@-3", "float16@-3", "float16@5"},
    {"bfloat16", "bfloat16", "bfloat16", "bfloat16", "bfloat16"},
    {"q4.28:sat:rne", "q4.28:sat:rne", "float32", "float32", "float16"},
    {"float8_e4m3fn", "float8_e4m3fn", "dfx6@0", "dfx6@0", "float8_e5m2"},
};

/// Codes all over the format, limits and zeros among them.
Tensor random_update_codes(const Shape& shape, const Format& format, std::uint32_t stream) {
  Tensor tensor(shape, format);
  const RandomStream random = {.seed = 5, .stream = stream};
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::uint32_t word = random_bits(random, static_cast<std::uint64_t>(i), 32);
    const double unit = (word >> 8) * 0x1p-24 * 2 - 1;
    double value = unit * (format.is_grid() ? decode(format, format.max_code) : 0.7);
    if (word % 7 == 0) value = 0;
    if (word % 11 == 0 && format.is_grid()) value *= 4;  // saturates
    tensor.set_code(i, encode(format, value, word).code);
  }
  return tensor;
}

struct Outcome {
  Tensor master, update;
  SgdUpdateCounts counts;
};

/// M and LR. Halves of codes are ties, which every other code meets.
struct Rates {
  double momentum, learning_rate;
};
constexpr Rates kRates = {0.53, 0.05 * 0.93};
constexpr Rates kTies = {0.5, 0.0625};

Outcome run_update(const UpdateCase& formats, std::int64_t rows, std::int64_t columns, double max_norm,
                   const Rates& rates = kRates) {
  Outcome outcome = {random_update_codes({rows, columns}, parse_format(formats.master_from), 1),
                     random_update_codes({rows, columns}, parse_format(formats.update_from), 2),
                     {}};
  const Tensor gradient = random_update_codes({rows, columns}, parse_format(formats.gradient), 3);
  outcome.counts = sgd_update({.momentum = rates.momentum,
                               .learning_rate = rates.learning_rate,
                               .max_norm = max_norm,
                               .rows = rows,
                               .columns = columns,
                               .master = outcome.master.data(),
                               .master_from = outcome.master.format(),
                               .master_to = parse_format(formats.master_to),
                               .update = outcome.update.data(),
                               .update_from = outcome.update.format(),
                               .update_to = parse_format(formats.update_to),
                               .gradient = gradient.data(),
                               .gradient_format = gradient.format(),
                               .update_random = {.seed = 9, .step = 4, .stream = 7},
                               .master_random = {.seed = 9, .step = 4, .stream = 8}});
  outcome.master.set_format(parse_format(formats.master_to));
  outcome.update.set_format(parse_format(formats.update_to));
  return outcome;
}

void expect_same(const Tensor& a, const Tensor& b, const std::string& what) {
  for (std::int64_t i = 0; i < a.size(); ++i) ASSERT_EQ(a.code(i), b.code(i)) << what << " element " << i;
}

class UpdateKernels : public testing::Test {
 protected:
  ~UpdateKernels() override {
    set_isa(supported_isas().front());
    set_thread_count(1);
  }
};

TEST_F(UpdateKernels, EveryTierAgreesWithTheDefinition) {
  for (const UpdateCase& formats : kUpdateCases) {
    for (const std::int64_t columns : {1, 7, 8, 9, 16, 31, 784, 785}) {
      for (const double max_norm : {0.0, 0.1, 1.9365, 1e9}) {
        set_isa(Isa::ref);
        const Outcome expected = run_update(formats, 3, columns, max_norm);
        for (const Isa isa : supported_isas()) {
          set_isa(isa);
          const Outcome found = run_update(formats, 3, columns, max_norm);
          const std::string what = formats.master_to + " " + std::string(isa_name(isa)) + " columns " +
                                   std::to_string(columns) + " norm " + std::to_string(max_norm);
          expect_same(expected.master, found.master, what + " master");
          expect_same(expected.update, found.update, what + " update");
          EXPECT_EQ(expected.counts.master_before, found.counts.master_before) << what;
          EXPECT_EQ(expected.counts.update, found.counts.update) << what;
          EXPECT_EQ(expected.counts.master_nonfinite, found.counts.master_nonfinite) << what;
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST_F(UpdateKernels, EveryTierRoundsTiesAlike) {
  for (const UpdateCase& formats : kUpdateCases) {
    set_isa(Isa::ref);
    const Outcome expected = run_update(formats, 2, 100, 1.9365, kTies);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const Outcome found = run_update(formats, 2, 100, 1.9365, kTies);
      const std::string what = formats.update_to + " " + std::string(isa_name(isa));
      expect_same(expected.master, found.master, what + " master");
      expect_same(expected.update, found.update, what + " update");
      EXPECT_EQ(expected.counts.update, found.counts.update) << what;
    }
  }
}

// Every float16, infinities and NaNs among them, meets gradients from subnormal to overflowing ones.
TEST_F(UpdateKernels, HalvesOfEverySizeAreRoundedOnce) {
  const Format format = parse_format("float16");
  const auto run = [&](double momentum) {
    Outcome outcome = {Tensor({32, 2048}, format), Tensor({32, 2048}, format), {}};
    Tensor gradient({32, 2048}, format);
    for (std::int64_t i = 0; i < gradient.size(); ++i) {
      outcome.master.set_code(i, i);
      outcome.update.set_code(i, (i * 40503) & 0xFFFF);
      gradient.set_code(i, (i * 30011 + 77) & 0xFFFF);
    }
    outcome.counts = sgd_update({.momentum = momentum,
                                 .learning_rate = 0.05,
                                 .rows = 32,
                                 .columns = 2048,
                                 .master = outcome.master.data(),
                                 .master_from = format,
                                 .master_to = format,
                                 .update = outcome.update.data(),
                                 .update_from = format,
                                 .update_to = format,
                                 .gradient = gradient.data(),
                                 .gradient_format = format});
    return outcome;
  };
  for (const double momentum : {0.7, 3.0, 0x1p-12}) {
    set_isa(Isa::ref);
    const Outcome expected = run(momentum);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const Outcome found = run(momentum);
      expect_same(expected.master, found.master, std::string(isa_name(isa)) + " master");
      expect_same(expected.update, found.update, std::string(isa_name(isa)) + " update");
      EXPECT_EQ(expected.counts.master_before, found.counts.master_before);
      EXPECT_EQ(expected.counts.update, found.counts.update);
      EXPECT_EQ(expected.counts.master_nonfinite, found.counts.master_nonfinite);
    }
  }
}

// Where f is close to 1 a tier may skip the second rounding, but only if every code would round to itself: limits just
// below the row's own norm are where a careless bound shows.
TEST_F(UpdateKernels, RowsJustOutsideTheirNormAreScaled) {
  const UpdateCase& formats = kUpdateCases[0];
  set_isa(Isa::ref);
  const Outcome unscaled = run_update(formats, 1, 100, 0);
  double squares = 0;
  for (std::int64_t i = 0; i < unscaled.master.size(); ++i) {
    squares += std::pow(decode(unscaled.master.format(), unscaled.master.code(i)), 2);
  }
  for (const double below : {1e-6, 1e-5, 1e-4, 2e-4, 3e-4, 1e-3, 3e-3, 1e-2}) {
    const double max_norm = std::sqrt(squares) * (1 - below);
    set_isa(Isa::ref);
    const Outcome expected = run_update(formats, 1, 100, max_norm);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const std::string what = std::string(isa_name(isa)) + " " + std::to_string(below);
      expect_same(expected.master, run_update(formats, 1, 100, max_norm).master, what);
    }
  }
}

TEST_F(UpdateKernels, ThreadsDoNotMatter) {
  for (const UpdateCase& formats : kUpdateCases) {
    set_thread_count(1);
    const Outcome one = run_update(formats, 37, 50, 1.0);
    set_thread_count(3);
    const Outcome three = run_update(formats, 37, 50, 1.0);
    expect_same(one.master, three.master, formats.master_to);
    EXPECT_EQ(one.counts.update, three.counts.update);
  }
}

// By hand: W = 1, u = 1/2, g = 2, M = 1/2, LR = 1/16: u' = 1/4 - 1/8 = 1/8, W1 = 9/8; the norm of the row (9/8, 0) is
// 9/8, f = 1/2 / (1e-7 + 9/8), W' = Q(1/2 - a little) = 1/2 on a grid of 1/16.
TEST_F(UpdateKernels, WorkedExample) {
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    const Format format = parse_format("q4.4s:sat:rna");
    Tensor master({1, 2}, format);
    Tensor update({1, 2}, format);
    Tensor gradient({1, 2}, format);
    master.set_code(0, 16);
    update.set_code(0, 8);
    gradient.set_code(0, 32);
    sgd_update({.momentum = 0.5,
                .learning_rate = 1.0 / 16,
                .max_norm = 0.5,
                .rows = 1,
                .columns = 2,
                .master = master.data(),
                .master_from = format,
                .master_to = format,
                .update = update.data(),
                .update_from = format,
                .update_to = format,
                .gradient = gradient.data(),
                .gradient_format = format});
    EXPECT_EQ(update.code(0), 2);
    EXPECT_EQ(master.code(0), 8);
    EXPECT_EQ(master.code(1), 0);
  }
}

TEST_F(UpdateKernels, CountsMastersAsTheyWereBeforeTheStep) {
  const Format format = parse_format("dfx4@0:sat:rna");  // largest code 7
  Tensor master({1, 4}, format);
  Tensor update({1, 4}, format);
  Tensor gradient({1, 4}, format);
  for (const auto& [i, code] : {std::pair{0, 7}, std::pair{1, -7}, std::pair{2, 4}}) master.set_code(i, code);
  const SgdUpdateCounts counts = sgd_update({.max_norm = 0.001,
                                             .rows = 1,
                                             .columns = 4,
                                             .master = master.data(),
                                             .master_from = format,
                                             .master_to = format,
                                             .update = update.data(),
                                             .update_from = format,
                                             .update_to = format,
                                             .gradient = gradient.data(),
                                             .gradient_format = format});
  EXPECT_EQ(counts.master_before.largest, 2);
  EXPECT_EQ(counts.master_before.half_range, 3);
  EXPECT_EQ(counts.master_before.zeros, 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(master.code(i), 0);
}

}  // namespace
}  // namespace dyadic
