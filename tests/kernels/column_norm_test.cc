// The norm step over output maps, against a plain loop through the codec.
#include "dyadic/kernels/column_norm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/formats/codec.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

/// Largest magnitude `limit`; the last column is zero.
Tensor random_master(const Shape& shape, const Format& format, double limit) {
  Tensor master(shape, format);
  const std::int64_t columns = master.size() / shape[0];
  for (std::int64_t i = 0; i < master.size(); ++i) {
    const double unit = 2 * random_uniform({.seed = 8}, static_cast<std::uint64_t>(i)) - 1;
    master.set_code(i, encode(format, i % columns == columns - 1 ? 0.0 : unit * limit).code);
  }
  return master;
}

/// Neighbours are added until one is left, from zeros up to a power of two.
double tree(std::vector<double> values) {
  std::size_t size = 1;
  while (size < values.size()) size *= 2;
  values.resize(size);
  for (; size > 1; size /= 2) {
    for (std::size_t i = 0; i < size / 2; ++i) values[i] = values[2 * i] + values[2 * i + 1];
  }
  return values[0];
}

double column_norm(const Tensor& master, std::int64_t column, std::int64_t columns) {
  const Format& format = master.format();
  if (format.is_dyadic_grid()) {
    uint128 sum = 0;
    for (std::int64_t i = column; i < master.size(); i += columns) {
      const std::int64_t steps = format.code_multiplier * master.code(i) - format.code_offset;
      sum += static_cast<uint128>(steps * steps);
    }
    EXPECT_EQ(static_cast<std::uint64_t>(sum >> 64), 0U) << "the documents promise nothing beyond 64 bits";
    return std::ldexp(std::sqrt(static_cast<double>(static_cast<std::uint64_t>(sum))), format.step_exponent);
  }
  std::vector<double> squares;
  for (std::int64_t i = column; i < master.size(); i += columns) {
    const double value = decode(format, master.code(i));
    squares.push_back(value * value);
  }
  return std::sqrt(tree(squares));
}

struct NormCase {
  std::string format;
  double limit;  // of magnitudes
};

const std::vector<NormCase> kNormCases = {
    {"dfx12@0:sat:rna", 1.0},
    {"dfx12@-3:sat:sr", 0.125},
    {"dfx31@0:sat:rne", 0.5},  // 23 rows: squares below 2^63 in
                               // all
    {"dfx31@2:sat:sr", 2.0},
    {"q2.14:sat:sr", 1.9},
    {"q4.28:sat:rne", 0.9},
    {"z4", 4.0},
    {"ternary*0.5", 0.5},
    {"int8*0.3", 20.0},
    {"float32", 1.0},
    {"float32@0", 1.0},
    {"float16", 1.0},
    {"bfloat16:inf:sr16", 1.0},
    {"float8_e4m3fn:sat", 1.0},
};

TEST(ColumnNorm, EveryColumnIsScaledByItsOwnFactor) {
  IsaGuard guard;
  const RandomStream random = {.seed = 9, .step = 3, .stream = 12};
  for (const NormCase& row : kNormCases) {
    const Format format = parse_format(row.format);
    for (const double max_norm : {0.1, 0.9, 1e9}) {
      const Tensor before = random_master({23, 2, 3, 2}, format, row.limit);
      constexpr std::int64_t kColumns = 12;
      const int width = random_bits_per_element(format.rounding);
      Tensor expected = before;
      for (std::int64_t j = 0; j < kColumns; ++j) {
        const double norm = column_norm(before, j, kColumns);
        const double factor = std::min(norm, max_norm) / (1e-7 + norm);
        for (std::int64_t i = j; i < before.size(); i += kColumns) {
          const std::uint32_t bits = width == 0 ? 0 : random_bits(random, static_cast<std::uint64_t>(i), width);
          expected.set_code(i, encode(format, decode(format, before.code(i)) * factor, bits).code);
        }
      }
      for (const Isa isa : supported_isas()) {
        for (const int threads : {1, 3}) {
          set_isa(isa);
          set_thread_count(threads);
          Tensor found = before;
          const RoundingCounts counts = limit_column_norms(found, max_norm, random);
          EXPECT_EQ(counts.elements, before.size());
          EXPECT_EQ(counts.zeros, count_codes(expected.data(), expected.size(), format).zeros);
          for (std::int64_t i = 0; i < found.size(); ++i) {
            ASSERT_EQ(found.code(i), expected.code(i))
                << row.format << " norm " << max_norm << " element " << i << " " << isa_name(isa);
          }
        }
      }
      set_thread_count(1);
    }
  }
}

// One column of norm 5 and one of norm 1/2, limit 2: the first shrinks to 2, the second only by 1e-7.
TEST(ColumnNorm, WorkedExample) {
  Tensor master({2, 2}, parse_format("q4.4s:sat:rna"));
  master.set_code(0, 3 * 16);
  master.set_code(2, 4 * 16);
  master.set_code(1, 8);
  limit_column_norms(master, 2.0, {});
  EXPECT_EQ(master.code(0), 19);  // 3 * 2/5 = 1.2 = 19.2 steps
  EXPECT_EQ(master.code(2), 26);  // 1.6 = 25.6 steps
  EXPECT_EQ(master.code(1), 8);
  EXPECT_EQ(master.code(3), 0);
}

TEST(ColumnNorm, AnInfiniteWeightIsCounted) {
  Tensor master({2, 1}, parse_format("float16"));
  master.set_code(0, 0x7C00);
  EXPECT_GT(limit_column_norms(master, 1.0, {}).nonfinite, 0);
}

TEST(ColumnNorm, AnEmptyMasterIsLeftAlone) {
  Tensor master({0, 3}, parse_format("float32"));
  EXPECT_EQ(limit_column_norms(master, 1.0, {}), RoundingCounts{});
}

}  // namespace
}  // namespace dyadic
