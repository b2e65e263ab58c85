#include "dyadic/kernels/quantize.h"

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/quantize_plan.h"
#include "dyadic/kernels/quantize_ref.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

const RoundingRandom kRandom = {{.seed = 77, .step = 3, .stream = 0x20100}, 5};

std::vector<Isa> fast_isas() {
  std::vector<Isa> isas = supported_isas();
  isas.pop_back();  // ref
  return isas;
}

/// quantize and round_values of every tier against the codec's loops.
void expect_float_rounding(const Format& format, const std::vector<float>& values, const RoundingRandom& random) {
  const auto n = static_cast<std::int64_t>(values.size());
  const int bytes = code_bytes(code_type(format));
  const Outcome codes =
      outcome(n, bytes, [&](void* out) { return ref::quantize(values.data(), n, format, out, random); });
  const Outcome rounded = outcome(
      n, 4, [&](void* out) { return ref::round_values(values.data(), n, format, static_cast<float*>(out), random); });
  for (const Isa isa : fast_isas()) {
    set_isa(isa);
    const std::string what = format_name(format) + " on " + std::string(isa_name(isa));
    expect_same(outcome(n, bytes, [&](void* out) { return quantize(values.data(), n, format, out, random); }), codes,
                bytes, "quantize " + what);
    expect_same(
        outcome(n, 4,
                [&](void* out) { return round_values(values.data(), n, format, static_cast<float*>(out), random); }),
        rounded, 4, "round_values " + what);
  }
}

void expect_double_rounding(const Format& format, const std::vector<double>& values, const RoundingRandom& random) {
  const auto n = static_cast<std::int64_t>(values.size());
  const int bytes = code_bytes(code_type(format));
  const Outcome codes =
      outcome(n, bytes, [&](void* out) { return ref::quantize(values.data(), n, format, out, random); });
  for (const Isa isa : fast_isas()) {
    set_isa(isa);
    expect_same(outcome(n, bytes, [&](void* out) { return quantize(values.data(), n, format, out, random); }), codes,
                bytes, "quantize double " + format_name(format) + " on " + std::string(isa_name(isa)));
  }
}

class EveryFormat : public testing::TestWithParam<std::string> {
  IsaGuard guard_;
};

TEST_P(EveryFormat, RoundsFloatsAsTheCodec) {
  const std::vector<float> general = every_exponent();
  for (Format format : with_policies(GetParam())) {
    std::vector<float> values = around_codes(format, 300);
    values.insert(values.end(), general.begin(), general.end());
    for (const Rounding rounding : kAllRoundings) {
      format.rounding = rounding;
      expect_float_rounding(format, values, kRandom);
    }
  }
}

TEST_P(EveryFormat, RoundsDoublesAsTheCodec) {
  std::vector<double> values;
  Words words(5);
  for (const float x : every_exponent()) {
    const double near[] = {x, x * (1 + 0x1p-40), x * (1 - 0x1p-40), std::nextafter(double{x}, 0.0)};
    values.push_back(near[words() % 4]);
  }
  for (const double x : {5e-324, 1e-310, 0x1p-900, 0x1p-901, 1e-290, 1e300, 0x1p1023, 3.5e38, 0x1.ffffffp127,
                         0x1.fffffefffffffp127, 0x1p-149, 0x1p-150, 0x1.8p-150, 0x1p-151}) {
    values.insert(values.end(), {x, -x});
  }
  for (Format format : with_policies(GetParam())) {
    std::vector<double> all = values;
    for (const float x : around_codes(format, 100)) {
      all.insert(all.end(), {double{x}, std::nextafter(double{x}, 1e300), std::nextafter(double{x}, -1e300)});
    }
    for (const Rounding rounding : kAllRoundings) {
      format.rounding = rounding;
      expect_double_rounding(format, all, kRandom);
    }
  }
}

TEST_P(EveryFormat, RoundsEveryRemainderAndOffsetAlike) {
  for (const Rounding rounding : {Rounding::rne, Rounding::sr, Rounding::sr16, Rounding::sr8, Rounding::srh}) {
    Format format = parse_format(GetParam());
    format.rounding = rounding;
    const std::vector<float> values = around_codes(format, 20);
    for (std::size_t n = 0; n <= 67 && n <= values.size(); ++n) {
      const std::vector<float> some(values.end() - static_cast<std::ptrdiff_t>(n), values.end());
      expect_float_rounding(format, some, {kRandom.stream, 1000 + n});
    }
  }
}

TEST_P(EveryFormat, DecodesAndCountsEveryCode) {
  const Format format = parse_format(GetParam());
  const auto codes = static_cast<std::uint64_t>(code_count(format));
  const int bytes = code_bytes(code_type(format));
  const CodeType type = code_type(format);
  std::vector<std::uint8_t> stored(static_cast<std::size_t>(bytes) * 70007);
  const auto n = static_cast<std::int64_t>(std::min<std::uint64_t>(codes + 13, 70007));
  Words words(4);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint64_t place = codes <= 65536 ? static_cast<std::uint64_t>(i) % codes : words() % codes;
    store_code(stored.data(), type, i, static_cast<std::int64_t>(place) + (format.is_grid() ? format.min_code : 0));
  }
  const auto decode_all = [&](void* out) {
    ref::dequantize(stored.data(), n, format, static_cast<float*>(out));
    return ref::count_codes(stored.data(), n, format);
  };
  const Outcome want = outcome(n, 4, decode_all);
  for (const Isa isa : fast_isas()) {
    set_isa(isa);
    const auto fast = [&](void* out) {
      dequantize(stored.data(), n, format, static_cast<float*>(out));
      return count_codes(stored.data(), n, format);
    };
    expect_same(outcome(n, 4, fast), want, 4, "codes of " + format_name(format) + " on " + std::string(isa_name(isa)));
  }
}

TEST_P(EveryFormat, CountsOfARoundingAreThoseOfItsCodes) {
  for (const Format& format : with_policies(GetParam())) {
    if (format.overflow == Overflow::error || format.overflow == Overflow::wrap) continue;
    std::vector<float> values = around_codes(format, 200);
    values.insert(values.end(), {0.0F, -0.0F, 1e38F, -1e38F});
    const auto n = static_cast<std::int64_t>(values.size());
    std::vector<std::uint8_t> codes(values.size() * 4);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      RoundingCounts rounded = quantize(values.data(), n, format, codes.data(), kRandom);
      const RoundingCounts stored = count_codes(codes.data(), n, format);
      rounded.overflowed = 0;
      EXPECT_EQ(counts_text(rounded), counts_text(stored)) << format_name(format) << " on " << isa_name(isa);
    }
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = std::to_string(info.index) + "_" + info.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Table, EveryFormat, testing::ValuesIn(base_names()), test_name);

TEST(RoundValues, MayWorkInPlace) {
  const IsaGuard guard;
  const Format format = parse_format("q2.14:sat:sr16");
  std::vector<float> values = every_exponent();
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<float> apart(values.size());
  const RoundingCounts counts = round_values(values.data(), n, format, apart.data(), kRandom);
  EXPECT_EQ(round_values(values.data(), n, format, values.data(), kRandom), counts);
  EXPECT_EQ(std::memcmp(values.data(), apart.data(), values.size() * 4), 0);
}

TEST(Quantize, GivesTheSameBitsForAnyNumberOfThreads) {
  const IsaGuard guard;
  const int before = thread_count();
  Words words(9);
  std::vector<float> values(100003);
  for (float& x : values) x = 5 * (words.uniform() - 0.5F);
  const auto n = static_cast<std::int64_t>(values.size());
  for (const char* name :
       {"q2.14:sat:sr16", "dfx10@1:sat:sr", "float8_e4m3fn:sat:sr8", "int8*0.0125:sat:srh", "q2.6:wrap:sr"}) {
    const Format format = parse_format(name);
    const int bytes = code_bytes(code_type(format));
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      std::vector<Outcome> outcomes;
      for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        outcomes.push_back(
            outcome(n, bytes, [&](void* out) { return quantize(values.data(), n, format, out, kRandom); }));
      }
      expect_same(outcomes[1], outcomes[0], bytes, std::string(name) + " 2 threads");
      expect_same(outcomes[2], outcomes[0], bytes, std::string(name) + " 3 threads");
    }
  }
  set_thread_count(before);
}

TEST(Quantize, NanIntoAFormatWithoutNanIsZeroAndCounted) {
  const IsaGuard guard;
  const std::vector<float> values(20, std::numeric_limits<float>::quiet_NaN());
  for (const char* name : {"q2.14", "float4_e2m1fn", "uint8*0.1+7", "ternary", "binary", "uq0.32"}) {
    const Format format = parse_format(name);
    std::vector<std::uint8_t> codes(80);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const RoundingCounts counts = quantize(values.data(), 20, format, codes.data(), kRandom);
      EXPECT_EQ(counts.nonfinite, 20) << name;
      EXPECT_EQ(counts.zeros, format.code_multiplier == 1 ? 20 : 0) << name;
    }
  }
}

// Random words never hit the place where 32 random bits just suffice; here every element's own bits are its fraction,
// exactly, and a little more or less.
TEST(Quantize, ThirtyTwoRandomBitsDecideAtTheirLastBit) {
  const IsaGuard guard;
  std::vector<double> values;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const double bits = random_bits(kRandom.stream, kRandom.first_index + i, 32);
    const double distance = i % 2 == 0 ? bits : 0x1p32 - bits;
    const double offset = (static_cast<double>(i / 2 % 5) - 2) * 0.5;
    const double steps = static_cast<double>(i / 10 % 3) + (distance + offset) * 0x1p-32;
    values.push_back((i / 30 % 2 == 0 ? steps : -steps) * 0x1p-4);
  }
  for (const char* name : {"q4.4:sat:sr", "q4.4s:sat:sr", "int8*0.0625:sat:sr"}) {
    expect_double_rounding(parse_format(name), values, kRandom);
  }
}

TEST(Requantize, GivesTheCodesOfTheValues) {
  const IsaGuard guard;
  const std::vector<std::pair<const char*, const char*>> pairs = {{"dfx12@-1", "dfx10@-1:sat:rna"},
                                                                  {"dfx12@3", "dfx12@1:sat:rna"},
                                                                  {"q2.14", "q2.6s:sat:sr16"},
                                                                  {"dfx12@-1", "dfx10@-1:sat:rne"},
                                                                  {"dfx16@3", "q6.4s:sat:rne"},
                                                                  {"dfx16@3", "q6.4s:sat:sr"},
                                                                  {"q2.14", "q14.2:sat:rna"},
                                                                  {"q2.14", "dfx10@30:sat:rna"},
                                                                  {"q2.14", "dfx10@40:sat:rnd"},
                                                                  {"q6.10s", "q1.31s:sat:rna"},
                                                                  {"q6.10s", "z3:rne"},
                                                                  {"int16", "int8:sat:rna"},
                                                                  {"q6.14s", "q6.4s:sat:rna"},
                                                                  {"q16.16", "q8.8:sat:rne"},
                                                                  {"dfx20@3", "dfx20@5:sat:sr"},
                                                                  {"float16", "float8_e4m3fn"},
                                                                  {"uint8*0.1+3", "int8*0.0125"},
                                                                  {"binary", "q2.6"},
                                                                  {"uq0.32", "float32"},
                                                                  {"q2.6", "binary"},
                                                                  {"float32", "dfx10@0:sat:rna"}};
  for (const auto& [from_name, to_name] : pairs) {
    const Format from = parse_format(from_name);
    const Format to = parse_format(to_name);
    const std::vector<float> values = around_codes(from, 500);
    const auto n = static_cast<std::int64_t>(values.size());
    std::vector<std::uint8_t> codes(values.size() * 4);
    ref::quantize(values.data(), n, from, codes.data(), {});
    const int bytes = code_bytes(code_type(to));
    const Outcome want =
        outcome(n, bytes, [&](void* out) { return ref::requantize(codes.data(), from, n, to, out, kRandom); });
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      expect_same(outcome(n, bytes, [&](void* out) { return requantize(codes.data(), from, n, to, out, kRandom); }),
                  want, bytes, std::string(from_name) + " to " + to_name + " on " + std::string(isa_name(isa)));
    }
  }
}

TEST(Requantize, MayWorkInPlace) {
  const IsaGuard guard;
  const Format from = parse_format("dfx12@3");
  const Format to = parse_format("dfx12@1:sat:rna");
  std::vector<std::int16_t> codes;
  for (int code = -2047; code <= 2047; ++code) codes.push_back(static_cast<std::int16_t>(code));
  const auto n = static_cast<std::int64_t>(codes.size());
  std::vector<std::int16_t> apart(codes.size());
  const RoundingCounts counts = requantize(codes.data(), from, n, to, apart.data(), {});
  EXPECT_EQ(requantize(codes.data(), from, n, to, codes.data(), {}), counts);
  EXPECT_EQ(codes, apart);
}

TEST(RoundPlan, CoversTheFormatsThatTrainingUses) {
  for (const char* name :
       {"float32", "float32@5", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "q2.14", "q6.4s", "q6.14s",
        "dfx10@3", "dfx12@3", "dfx20@0", "int8*0.0125", "uq0.8", "ternary", "z4"}) {
    EXPECT_TRUE(round_plan(parse_format(name)).rounds) << name;
    EXPECT_TRUE(round_plan(parse_format(name)).reads) << name;
  }
}

}  // namespace
}  // namespace dyadic
