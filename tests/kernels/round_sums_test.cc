#include "dyadic/kernels/quantize.h"
#include "dyadic/kernels/quantize_ref.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

const RoundingRandom kSumRandom = {{.seed = 12, .step = 9, .stream = 0x30200}, 3};

const char* const kTargets[] = {"dfx10@3",     "dfx12@-3", "q6.4s",     "q2.14",   "uq4.4",    "q6.14s",
                                "int8",        "ternary",  "z3",        "float16", "float32",  "uq0.32",
                                "int8*0.0125", "q16.16",   "q4.4:wrap", "binary",  "bfloat16", "q1.29"};

/// Worst cases, ties of every shift, small numbers, random ones.
template <typename T>
std::vector<T> sums(T limit) {
  std::vector<T> values = {0, 1, -1, 2, -2, 3, -3, limit, static_cast<T>(-limit), static_cast<T>(limit - 1)};
  for (T power = 1; power > 0 && power <= limit / 2; power = static_cast<T>(power * 2)) {
    for (const T offset : {-1, 0, 1}) {
      values.push_back(static_cast<T>(power + offset));
      values.push_back(static_cast<T>(-power - offset));
      values.push_back(static_cast<T>(power + power / 2 + offset));
      values.push_back(static_cast<T>(-(power / 2) - power + offset));
    }
  }
  Words words(11);
  for (int i = 0; i < 400; ++i) {
    const std::uint64_t bits = std::uint64_t{words()} << 32 | words();
    values.push_back(static_cast<T>(static_cast<std::int64_t>(bits) >> (words() % 63)) % limit);
  }
  return values;
}

template <typename T>
void expect_sums(const std::vector<T>& values, int exponent, const BiasRow* bias, const Format& format) {
  const auto n = static_cast<std::int64_t>(values.size());
  const int bytes = code_bytes(code_type(format));
  const Outcome want = outcome(
      n, bytes, [&](void* out) { return ref::round_sums(values.data(), n, exponent, bias, format, out, kSumRandom); });
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    const Outcome got = outcome(
        n, bytes, [&](void* out) { return round_sums(values.data(), n, exponent, bias, format, out, kSumRandom); });
    expect_same(got, want, bytes,
                format_name(format) + " from 2^" + std::to_string(exponent) + " on " + std::string(isa_name(isa)));
  }
}

template <typename T>
void expect_sums_in_every_unit(T limit) {
  const IsaGuard guard;
  const std::vector<T> values = sums<T>(limit);
  for (const char* name : kTargets) {
    Format format = parse_format(name);
    for (const Rounding rounding : kAllRoundings) {
      format.rounding = rounding;
      for (const int exponent : {-130, -70, -60, -45, -40, -36, -33, -28, -20, -14, -8, -4, -1, 0, 3, 20, 60}) {
        expect_sums(values, exponent, nullptr, format);
      }
    }
  }
}

TEST(RoundSums, Int32AsTheCodec) { expect_sums_in_every_unit<std::int32_t>(std::numeric_limits<std::int32_t>::max()); }
TEST(RoundSums, Int64AsTheCodec) { expect_sums_in_every_unit<std::int64_t>(std::numeric_limits<std::int64_t>::max()); }

TEST(RoundSums, Int32WithAnAlignedBias) {
  const IsaGuard guard;
  const std::vector<std::int32_t> values = sums<std::int32_t>((1 << 30) - 1);
  std::vector<std::int64_t> steps;
  std::vector<std::int32_t> aligned;
  Words words(12);
  for (std::size_t i = 0; i < values.size(); ++i) {
    steps.push_back(static_cast<std::int32_t>(words()) >> (8 + words() % 20));
    aligned.push_back(static_cast<std::int32_t>(steps.back()) * 64);
  }
  for (const char* name : {"dfx10@3:sat:rna", "q6.4s:sat:rna", "q2.14:sat:sr16", "float16"}) {
    for (const int exponent : {-30, -18, -10, -2}) {
      const BiasRow row = {steps.data(), exponent + 6, aligned.data()};
      expect_sums(values, exponent, &row, parse_format(name));
    }
  }
}

TEST(RoundSums, BiasOfAnyExponent) {
  const IsaGuard guard;
  const std::vector<std::int32_t> narrow = sums<std::int32_t>(std::numeric_limits<std::int32_t>::max());
  const std::vector<std::int64_t> wide = sums<std::int64_t>(std::int64_t{1} << 52);
  Words words(13);
  std::vector<std::int64_t> steps;
  for (std::size_t i = 0; i < wide.size(); ++i) steps.push_back(static_cast<std::int32_t>(words()) >> (words() % 31));
  for (const char* name : {"dfx10@3:sat:rna", "q6.14s:sat:rna", "q2.14:sat:sr16", "q2.14:sat:sr", "uq4.4:sat:rd"}) {
    for (const int exponent : {-40, -28, -10}) {
      for (const int bias_exponent : {-150, -75, -60, -44, -30, -28, -14, 0, 25, 60}) {
        const BiasRow row = {steps.data(), bias_exponent, nullptr};
        expect_sums(narrow, exponent, &row, parse_format(name));
        expect_sums(wide, exponent, &row, parse_format(name));
      }
    }
  }
}

TEST(RoundSums, EveryRemainder) {
  const IsaGuard guard;
  const std::vector<std::int32_t> narrow = sums<std::int32_t>(1 << 20);
  const std::vector<std::int64_t> wide = sums<std::int64_t>(std::int64_t{1} << 40);
  const std::vector<std::int64_t> steps(80, 7);
  const std::vector<std::int32_t> aligned(80, 28);
  const BiasRow row = {steps.data(), -14, aligned.data()};
  for (const char* name : {"dfx10@3:sat:rna", "q6.4s:sat:sr16", "uq4.4:sat:rne", "q6.14s:sat:rna"}) {
    for (std::int64_t n = 0; n <= 67; ++n) {
      expect_sums(std::vector<std::int32_t>(narrow.begin(), narrow.begin() + n), -16, &row, parse_format(name));
      expect_sums(std::vector<std::int64_t>(wide.begin(), wide.begin() + n), -16, &row, parse_format(name));
    }
  }
}

TEST(RoundSums, FloatSumsAddTheirBiasOnceInFloat32) {
  const IsaGuard guard;
  const std::vector<float> values = every_exponent();
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<float> bias(values.rbegin(), values.rend());
  for (std::size_t i = 0; i < bias.size(); i += 3) bias[i] = values[i] * 0x1.234p-9F;
  std::vector<float> added(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) added[i] = values[i] + bias[i];
  for (const char* name : {"float32", "float32@4", "float16", "q2.14:sat:sr16", "binary", "int8*0.0125"}) {
    const Format format = parse_format(name);
    const int bytes = code_bytes(code_type(format));
    const Outcome want =
        outcome(n, bytes, [&](void* out) { return ref::quantize(added.data(), n, format, out, kSumRandom); });
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      expect_same(
          outcome(n, bytes,
                  [&](void* out) { return round_sums(values.data(), n, bias.data(), format, out, kSumRandom); }),
          want, bytes, std::string(name) + " on " + std::string(isa_name(isa)));
    }
  }
}

}  // namespace
}  // namespace dyadic
