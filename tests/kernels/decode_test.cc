// Values in float64 against the reference codec: every code of every format of up to 16 bits, and wide ones.
#include "dyadic/kernels/decode.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "dyadic/formats/codec.h"
#include "dyadic/tensor/tensor.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

TEST(Decode, GivesTheValueOfEveryCode) {
  int formats = 0;
  for (const std::string& name : base_names()) {
    const Format format = parse_format(name);
    if (format.family == Family::exact) continue;
    ++formats;
    const Tensor tensor = many_codes(format);
    const std::int64_t first = std::min<std::int64_t>(3, tensor.size() - 1);
    std::vector<double> values(static_cast<std::size_t>(tensor.size() - first));
    decode_values(tensor.data(), format, first, std::ssize(values), values.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = decode(format, tensor.code(static_cast<std::int64_t>(i) + first));
      ASSERT_TRUE(std::isnan(expected)
                      ? std::isnan(values[i])
                      : std::bit_cast<std::uint64_t>(expected) == std::bit_cast<std::uint64_t>(values[i]))
          << name << " " << i << ": " << values[i] << ", not " << expected;
    }
  }
  EXPECT_GT(formats, 40);
}

TEST(Decode, CountsStepsOfGridsFromZero) {
  for (const std::string name : {"binary", "ternary", "z6", "q2.14", "uq0.8", "dfx20@3", "uint8*0.5+128"}) {
    const Format format = parse_format(name);
    const Tensor tensor = many_codes(format);
    std::vector<std::int64_t> steps(static_cast<std::size_t>(tensor.size()) - 1);
    decode_steps(tensor.data(), format, 1, std::ssize(steps), steps.data());
    const double step = std::ldexp(1.0, format.step_exponent);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      ASSERT_EQ(static_cast<double>(steps[i]) * step, decode(format, tensor.code(static_cast<std::int64_t>(i) + 1)))
          << name;
    }
  }
}

}  // namespace
}  // namespace dyadic
