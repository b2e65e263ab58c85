#include "dyadic/formats/codec.h"
#include "dyadic/kernels/quantize_ref.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic::ref {
namespace {

class BitSource {
 public:
  BitSource(const Format& format, const RoundingRandom& random)
      : bits_(random_bits_per_element(format.rounding)), random_(random) {}
  [[nodiscard]] std::uint32_t operator()(std::int64_t i) const {
    return bits_ == 0 ? 0 : random_bits(random_.stream, random_.first_index + static_cast<std::uint64_t>(i), bits_);
  }

 private:
  int bits_;
  RoundingRandom random_;
};

void count_encoded(const Format& format, const Encoded& encoded, RoundingCounts& counts) {
  count_code(format, encoded.code, counts);
  counts.overflowed += encoded.overflowed ? 1 : 0;
  counts.nonfinite += encoded.not_a_number ? 1 : 0;
}

template <typename T>
RoundingCounts quantize_values(const T* values, std::int64_t n, const Format& format, void* codes,
                               const RoundingRandom& random) {
  RoundingCounts counts;
  const BitSource bits(format, random);
  const CodeType type = code_type(format);
  for (std::int64_t i = 0; i < n; ++i) {
    const Encoded encoded = encode(format, static_cast<double>(values[i]), bits(i));
    store_code(codes, type, i, encoded.code);
    count_encoded(format, encoded, counts);
  }
  return counts;
}

template <typename T>
RoundingCounts round_integer_sums(const T* sums, std::int64_t n, int exponent, const BiasRow* bias,
                                  const Format& format, void* codes, const RoundingRandom& random) {
  RoundingCounts counts;
  const BitSource bits(format, random);
  const CodeType type = code_type(format);
  for (std::int64_t i = 0; i < n; ++i) {
    const ExactNumber number = bias == nullptr ? exact_sum(sums[i], exponent, 0, exponent)
                                               : exact_sum(sums[i], exponent, bias->steps[i], bias->exponent);
    const Encoded encoded = encode(format, number, bits(i));
    store_code(codes, type, i, encoded.code);
    count_encoded(format, encoded, counts);
  }
  return counts;
}

void count_floating(const Format& format, std::int64_t code, RoundingCounts& counts) {
  const int magnitude_bits = format.exponent_bits + format.mantissa_bits;
  const std::int64_t magnitude = code & ((std::int64_t{1} << magnitude_bits) - 1);
  const std::int64_t largest = max_finite_code(format);
  const bool infinite = format.has_infinity() && magnitude == infinity_code(format);
  const bool uz_nan = format.specials == Specials::uz && code == nan_code(format);
  const bool nan = uz_nan || (magnitude > largest && !infinite);
  counts.zeros += format.has_zero && magnitude == 0 && !nan ? 1 : 0;
  counts.nonfinite += nan || infinite ? 1 : 0;
  if (nan) return;
  if (!format.has_range()) {
    counts.largest += magnitude >= largest ? 1 : 0;
    return;
  }
  counts.largest += magnitude >= power_of_two_code(format, format.range) ? 1 : 0;
  counts.half_range += magnitude >= power_of_two_code(format, format.range - 1) ? 1 : 0;
}

}  // namespace

void count_code(const Format& format, std::int64_t code, RoundingCounts& counts) {
  ++counts.elements;
  if (!format.is_grid()) {
    count_floating(format, code, counts);
    return;
  }
  counts.largest += code == format.max_code || code == format.min_code ? 1 : 0;
  counts.zeros += format.code_multiplier * code == format.code_offset ? 1 : 0;
  const bool even_span =
      (format.family == Family::fixed || format.family == Family::dynamic_fixed) && format.min_code < 0;
  counts.half_range += even_span && std::abs(code) >= std::int64_t{1} << (format.width - 2) ? 1 : 0;
}

RoundingCounts quantize(const float* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random) {
  return quantize_values(values, n, format, codes, random);
}

RoundingCounts quantize(const double* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random) {
  return quantize_values(values, n, format, codes, random);
}

void dequantize(const void* codes, std::int64_t n, const Format& format, float* values) {
  const CodeType type = code_type(format);
  for (std::int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(decode(format, load_code(codes, type, i)));
}

RoundingCounts round_values(const float* values, std::int64_t n, const Format& format, float* out,
                            const RoundingRandom& random) {
  RoundingCounts counts;
  const BitSource bits(format, random);
  for (std::int64_t i = 0; i < n; ++i) {
    const Encoded encoded = encode(format, double{values[i]}, bits(i));
    out[i] = static_cast<float>(decode(format, encoded.code));
    count_encoded(format, encoded, counts);
  }
  return counts;
}

RoundingCounts requantize(const void* from_codes, const Format& from, std::int64_t n, const Format& to, void* to_codes,
                          const RoundingRandom& random) {
  RoundingCounts counts;
  const BitSource bits(to, random);
  const CodeType from_type = code_type(from);
  const CodeType to_type = code_type(to);
  for (std::int64_t i = 0; i < n; ++i) {
    const Encoded encoded = encode(to, decode(from, load_code(from_codes, from_type, i)), bits(i));
    store_code(to_codes, to_type, i, encoded.code);
    count_encoded(to, encoded, counts);
  }
  return counts;
}

RoundingCounts count_codes(const void* codes, std::int64_t n, const Format& format) {
  RoundingCounts counts;
  const CodeType type = code_type(format);
  for (std::int64_t i = 0; i < n; ++i) count_code(format, load_code(codes, type, i), counts);
  return counts;
}

RoundingCounts round_sums(const std::int32_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random) {
  return round_integer_sums(sums, n, exponent, bias, format, codes, random);
}

RoundingCounts round_sums(const std::int64_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random) {
  return round_integer_sums(sums, n, exponent, bias, format, codes, random);
}

}  // namespace dyadic::ref
