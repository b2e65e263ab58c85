// A bias added to stored codes, against one exact (or float32) addition and the codec.
#include "dyadic/kernels/add_bias.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/isa.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

struct BiasCase {
  std::string input, bias, output;
};

const std::vector<BiasCase> kBiasCases = {
    {"dfx10@2", "dfx10@0", "dfx10@2:sat:rna"},   {"q4.12", "q4.12", "q4.12:sat:sr"},
    {"q4.28", "q1.31", "q4.12:sat:sr"},           // sums of 33 bits and more
    {"dfx31@3", "dfx31@-40", "dfx31@3:sat:sr"},   // units 2^43 apart
    {"dfx31@-40", "dfx31@3", "dfx31@3:sat:rne"},  // and the other way round
    {"uq0.32", "uq0.32", "uq1.31:sat:rne"},      {"uq0.8", "q6.14s", "q3.5:sat:sr16"},
    {"z4", "ternary*0.5", "q4.4:sat:srh"},       {"binary", "q4.4", "q2.2:sat:rnd"},
    {"uint8*0.5+128", "int8", "dfx12@3:sat:ro"}, {"q4.4", "q4.4", "float16"},
    {"float32", "float32", "float32"},           {"float16", "float16", "float16:inf:sr16"},
    {"bfloat16", "float32", "q4.12:sat:sr"},     {"float8_e4m3fn", "tf32", "float8_e4m3fn:sat:sr8"},
    {"int8*0.3", "float32", "float32"},
};

Tensor random_bias_codes(const Shape& shape, const Format& format, std::uint32_t stream) {
  Tensor tensor(shape, format);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const double unit = 2 * random_uniform({.seed = 6, .stream = stream}, static_cast<std::uint64_t>(i)) - 1;
    const double largest = format.is_grid() ? decode(format, format.max_code) : 1.0;
    const bool is_limit = i % 17 == 0;
    tensor.set_code(i, encode(format, (is_limit ? 3.0 : 1.0) * unit * largest).code);
  }
  return tensor;
}

Encoded expected_code(const Tensor& input, std::int64_t i, const Tensor& bias, std::int64_t j, const Format& output,
                      std::uint32_t bits) {
  if (!input.format().is_dyadic_grid()) {
    const auto value = static_cast<float>(decode(input.format(), input.code(i)));
    return encode(output, value + static_cast<float>(decode(bias.format(), bias.code(j))), bits);
  }
  const auto steps = [](const Tensor& tensor, std::int64_t index) {
    return tensor.format().code_multiplier * tensor.code(index) - tensor.format().code_offset;
  };
  return encode(output,
                exact_sum(steps(input, i), input.format().step_exponent, steps(bias, j), bias.format().step_exponent),
                bits);
}

class AddBias : public testing::Test {
 protected:
  ~AddBias() override { set_thread_count(1); }
  IsaGuard guard_;
};

TEST_F(AddBias, IsOneAdditionAndOneRounding) {
  const RoundingRandom random = {.stream = {.seed = 9, .step = 2, .stream = 5}, .first_index = 1000003};
  for (const BiasCase& row : kBiasCases) {
    const Format format = parse_format(row.output);
    const Tensor input = random_bias_codes({5, 5, 8, 7}, parse_format(row.input), 1);
    const Tensor bias = random_bias_codes({7}, parse_format(row.bias), 2);
    Tensor expected(input.shape(), format);
    std::int64_t overflowed = 0;
    const int width = random_bits_per_element(format.rounding);
    for (std::int64_t i = 0; i < input.size(); ++i) {
      const auto index = random.first_index + static_cast<std::uint64_t>(i);
      const std::uint32_t bits = width == 0 ? 0 : random_bits(random.stream, index, width);
      const Encoded code = expected_code(input, i, bias, i % 7, format, bits);
      expected.set_code(i, code.code);
      overflowed += code.overflowed ? 1 : 0;
    }
    RoundingCounts counts = count_codes(expected.data(), expected.size(), format);
    counts.overflowed = overflowed;
    for (const Isa isa : supported_isas()) {
      for (const int threads : {1, 3}) {
        set_isa(isa);
        set_thread_count(threads);
        Tensor output(input.shape(), format);
        EXPECT_EQ(add_bias(input, bias, output, random), counts) << row.input << " " << isa_name(isa);
        for (std::int64_t i = 0; i < output.size(); ++i) {
          ASSERT_EQ(output.code(i), expected.code(i)) << row.input << " + " << row.bias << " = " << row.output << " at "
                                                      << i << " " << isa_name(isa) << " " << threads;
        }
      }
    }
  }
}

// 2^-31 is the last bit of the bias and 27 bits below the limit of the input: float32 would lose it, and so would a
// sum rounded to the input's grid first. The tie that is left without it goes to the even neighbour, 0.
TEST_F(AddBias, ATinyBiasDecidesATieOfALargeCode) {
  Tensor input({1, 2}, parse_format("q4.28"));
  Tensor bias({2}, parse_format("q1.31"));
  for (const std::int64_t i : {0, 1}) input.set_code(i, (std::int64_t{4} << 28) + (std::int64_t{1} << 27));
  bias.set_code(1, 1);
  Tensor output({1, 2}, parse_format("q8.0:sat:rne"));
  add_bias(input, bias, output, {});
  EXPECT_EQ(output.code(0), 4);
  EXPECT_EQ(output.code(1), 5);
}

TEST_F(AddBias, AGridAndAFloatAreRefused) {
  Tensor output({2, 3}, parse_format("float32"));
  const Tensor grid({2, 3}, parse_format("q4.4"));
  const Tensor floats({2, 3}, parse_format("float16"));
  EXPECT_THROW(add_bias(grid, Tensor({3}, parse_format("float32")), output, {}), UsageError);
  EXPECT_THROW(add_bias(floats, Tensor({3}, parse_format("q4.4")), output, {}), UsageError);
  EXPECT_THROW(add_bias(grid, Tensor({3}, parse_format("int8*0.3")), output, {}), UsageError);
}

TEST_F(AddBias, ABiasOfAnotherLengthIsRefused) {
  Tensor output({2, 3}, parse_format("q4.4"));
  const Tensor input({2, 3}, parse_format("q4.4"));
  EXPECT_THROW(add_bias(input, Tensor({2}, parse_format("q4.4")), output, {}), ShapeError);
  EXPECT_THROW(add_bias(input, Tensor({6}, parse_format("q4.4")), output, {}), ShapeError);
  EXPECT_THROW(add_bias(input, Tensor({0}, parse_format("q4.4")), output, {}), ShapeError);
}

}  // namespace
}  // namespace dyadic
