// The first half of a rounding kernel: where |x| lies, in the terms of RoundPlan.

struct Parts {
  Int whole;
  Int fraction;
  Int lost;  // nonzero: the fraction is a little more; only if the source says kLost
  Int base;  // added to the magnitude after rounding; only if the source says kBase
  Int raw;   // float32 bits of x; floating formats only
  Mask negative;
  Mask nan;  // only if the source says kNan
};

DYADIC_INLINE Int count_of(int bits_shifted) { return splat(static_cast<std::uint32_t>(bits_shifted)); }
DYADIC_INLINE WideInt wide_count_of(int bits_shifted) {
  return wide_splat(static_cast<std::uint64_t>(std::int64_t{bits_shifted}));
}

/// A float accumulator and its bias: one float32 addition.
DYADIC_INLINE Float read_sum(const float* in, const float* bias) {
  return bias == nullptr ? load_float(in) : add(load_float(in), load_float(bias));
}

/// float32 bits as significand * 2^7 and exponent field (1 for subnormals, which is their exponent).
struct Unpacked {
  Int significand;
  Int exponent;
};

DYADIC_INLINE Unpacked unpack(Int raw) {
  const Int field = right<24>(left<1>(raw));
  const Int mantissa = both(left<7>(raw), splat(0x3FFFFFFF));
  return {set_where(greater(field, zero()), mantissa, splat(0x40000000)), max_signed(field, splat(1))};
}

/// significand * 2^-shift, shift >= 0 in each lane. Deterministic rounding asks only whether a fraction is zero, below,
/// at or above a half; so there a shift beyond 32, which makes it less than a half, may be taken for 32.
template <RandomKind kRandom>
DYADIC_INLINE void split(Int significand, Int shift, Parts& parts) {
  if constexpr (kRandom == RandomKind::none) shift = min_signed(shift, splat(32));
  const Int rest = subtract(splat(32), shift);
  parts.whole = right_each(significand, shift);
  parts.fraction = left_each(significand, rest);
  if constexpr (kRandom != RandomKind::none) {
    parts.fraction = either(parts.fraction, right_each(significand, subtract(zero(), rest)));
  }
  if constexpr (kRandom == RandomKind::from_lower) {
    parts.lost = left_each(significand, max_signed(add(rest, splat(32)), zero()));
  }
}

template <RandomKind kRandom, bool kDivides>
struct FloatToGrid {
  using Element = float;
  using Bias = float;
  static constexpr bool kLost = kRandom == RandomKind::from_lower;
  static constexpr bool kBase = false;
  static constexpr bool kNan = true;

  Int shift_from;
  Float divisor;

  DYADIC_INLINE FloatToGrid(const RoundPlan& plan, const RoundJob&)
      : shift_from(splat(static_cast<std::uint32_t>(127 + 23 + 7 + plan.step_exponent))),
        divisor(splat_float(plan.divisor)) {}

  DYADIC_INLINE Parts read(const float* in, const float* bias) const {
    Float x = read_sum(in, bias);
    if constexpr (kDivides) x = divide(x, divisor);
    const Unpacked number = unpack(bits(x));
    Parts parts;
    split<kRandom>(number.significand, max_signed(subtract(shift_from, number.exponent), zero()), parts);
    parts.negative = negative(bits(x));
    parts.nan = is_nan(x);
    return parts;
  }
  [[nodiscard]] DYADIC_INLINE bool failed() const { return false; }
};

/// To a floating format with float32's exponents: rounding never leaves the binade's spacing, one shift does it.
struct FloatToShorter {
  using Element = float;
  using Bias = float;
  static constexpr bool kLost = false;
  static constexpr bool kBase = false;
  static constexpr bool kNan = false;

  Int drop, keep;

  DYADIC_INLINE FloatToShorter(const RoundPlan& plan, const RoundJob&)
      : drop(count_of(23 - plan.mantissa_bits)), keep(count_of(9 + plan.mantissa_bits)) {}

  DYADIC_INLINE Parts read(const float* in, const float* bias) const {
    Parts parts;
    parts.raw = bits(read_sum(in, bias));
    const Int absolute = both(parts.raw, splat(0x7FFFFFFF));
    parts.whole = right_each(absolute, drop);
    parts.fraction = left_each(absolute, keep);
    parts.negative = negative(parts.raw);
    return parts;
  }
  [[nodiscard]] DYADIC_INLINE bool failed() const { return false; }
};

/// To a floating format with fewer exponents than float32.
template <RandomKind kRandom>
struct FloatToNarrower {
  using Element = float;
  using Bias = float;
  static constexpr bool kLost = false;
  static constexpr bool kBase = true;
  static constexpr bool kNan = false;

  Int least_exponent, drop, mantissa_bits;

  DYADIC_INLINE FloatToNarrower(const RoundPlan& plan, const RoundJob&)
      : least_exponent(splat(static_cast<std::uint32_t>(plan.min_exponent + 127))),
        drop(splat(static_cast<std::uint32_t>(23 + 7 - plan.mantissa_bits))),
        mantissa_bits(count_of(plan.mantissa_bits)) {}

  DYADIC_INLINE Parts read(const float* in, const float* bias) const {
    Parts parts;
    parts.raw = bits(read_sum(in, bias));
    const Unpacked number = unpack(parts.raw);
    const Int above = subtract(number.exponent, least_exponent);
    parts.base = left_each(max_signed(above, zero()), mantissa_bits);
    split<kRandom>(number.significand, subtract(drop, min_signed(above, zero())), parts);
    parts.negative = negative(parts.raw);
    return parts;
  }
  [[nodiscard]] DYADIC_INLINE bool failed() const { return false; }
};

/// Doubles: x / step is exact in float64, and so are its whole part and 2^32 times the rest.
struct DoubleToGrid {
  using Element = double;
  using Bias = double;
  static constexpr bool kLost = true;
  static constexpr bool kBase = false;
  static constexpr bool kNan = true;

  Double steps_per_unit;

  DYADIC_INLINE DoubleToGrid(const RoundPlan& plan, const RoundJob&)
      : steps_per_unit(splat_double(std::ldexp(1.0, -plan.step_exponent))) {}

  struct Half {
    WideInt whole, fraction, lost;
  };
  DYADIC_INLINE Half half(Double x) const {
    // Numbers so small that the product could round are raised: they stay far below any half.
    const Double absolute = raise_nonzero(magnitude(x), splat_double(0x1p-900));
    const Double steps = min(multiply(absolute, steps_per_unit), splat_double(0x1p31));
    const Double whole = toward_zero(steps);
    const Double rest = multiply(subtract(steps, whole), splat_double(0x1p32));
    const Double fraction = toward_zero(rest);
    const Double integer = splat_double(0x1p52);  // + x: the integer x in the low half
    return {bits(add(whole, integer)), bits(add(fraction, integer)), bits(subtract(rest, fraction))};
  }
  DYADIC_INLINE Parts read(const double* in, const double*) const {
    const Double x0 = load_double(in);
    const Double x1 = load_double(in + kWide);
    const Half h0 = half(x0);
    const Half h1 = half(x1);
    Parts parts;
    parts.whole = low_halves(h0.whole, h1.whole);
    parts.fraction = low_halves(h0.fraction, h1.fraction);
    parts.lost = high_halves(h0.lost, h1.lost);
    parts.negative = negative(high_halves(bits(x0), bits(x1)));
    parts.nan = is_nan(x0, x1);
    return parts;
  }
  [[nodiscard]] DYADIC_INLINE bool failed() const { return false; }
};

DYADIC_INLINE Int load_integers(const std::int32_t* p) { return load(p); }
DYADIC_INLINE Int load_integers(const std::int16_t* p) { return load_i16(p); }

template <typename Code>
DYADIC_INLINE Int read_integers(const Code* in, const std::int32_t* bias) {
  return bias == nullptr ? load_integers(in) : add(load_integers(in), load(bias));
}

/// int32 sums or 16-bit codes, shifted by one count for all; the bias is in the sums' unit.
template <typename Code>
struct IntToGrid {
  using Element = Code;
  using Bias = std::int32_t;
  static constexpr bool kLost = true;
  static constexpr bool kBase = false;
  static constexpr bool kNan = false;

  int shift;  // right; negative: left
  Int left_count, right_count, fraction_count, lost_count;
  Int largest_shifted;  // what is still below 2^31 after the shift to the left

  DYADIC_INLINE IntToGrid(const RoundPlan& plan, const RoundJob& job)
      : shift(std::max(plan.step_exponent - job.exponent, -31)),
        left_count(count_of(-shift)),
        right_count(count_of(shift > 32 ? shift - 32 : shift)),
        fraction_count(count_of(32 - shift)),
        lost_count(count_of(std::max(64 - shift, 0))),
        largest_shifted(splat(1U << std::min(31, 31 + shift))) {}

  DYADIC_INLINE Parts read(const Code* in, const std::int32_t* bias) const {
    const Int sum = read_integers(in, bias);
    const Int absolute = magnitude(sum);
    Parts parts;
    parts.negative = negative(sum);
    parts.lost = zero();
    if (shift <= 0) {
      parts.whole = left_each(min_unsigned(absolute, largest_shifted), left_count);
      parts.fraction = zero();
    } else if (shift <= 32) {
      parts.whole = right_each(absolute, right_count);
      parts.fraction = left_each(absolute, fraction_count);
    } else {
      parts.whole = zero();
      parts.fraction = right_each(absolute, right_count);
      parts.lost = left_each(absolute, lost_count);
    }
    return parts;
  }
  [[nodiscard]] DYADIC_INLINE bool failed() const { return false; }
};

/// int64 sums and a bias of int64 steps, each shifted to the finer unit of the two.
struct LongToGrid {
  using Element = std::int64_t;
  using Bias = std::int64_t;
  static constexpr bool kLost = true;
  static constexpr bool kBase = false;
  static constexpr bool kNan = false;

  // Terms below 2^61 after their shift have a sum that fits.
  struct Shifted {
    WideInt count, check, room;
  };
  int shift;
  WideInt left_count, right_count, fraction_count, lost_count, largest_shifted;
  Shifted sum_shift, bias_shift;
  WideInt outside;

  static DYADIC_INLINE Shifted shifted(int count) {
    return {wide_count_of(count), wide_count_of(62 - count), wide_splat(std::uint64_t{1} << (61 - count))};
  }
  DYADIC_INLINE LongToGrid(const RoundPlan& plan, const RoundJob& job)
      : shift(std::max(plan.step_exponent - job.exponent, -31)),
        left_count(wide_count_of(-shift)),
        right_count(wide_count_of(shift)),
        fraction_count(wide_count_of(std::abs(32 - shift))),
        lost_count(wide_count_of(std::max(96 - shift, 0))),
        largest_shifted(wide_splat(std::uint64_t{1} << std::min(31, 31 + shift))),
        sum_shift(shifted(job.sum_shift)),
        bias_shift(shifted(job.bias_shift)),
        outside(zero()) {}

  DYADIC_INLINE WideInt align(WideInt v, const Shifted& by) {
    outside = either(outside, wide_right(wide_add(v, by.room), by.check));
    return wide_left(v, by.count);
  }
  DYADIC_INLINE WideInt sum(const std::int64_t* in, const std::int64_t* bias) {
    const WideInt v = wide_load(in);
    return bias == nullptr ? v : wide_add(align(v, sum_shift), align(wide_load(bias), bias_shift));
  }
  DYADIC_INLINE Parts read(const std::int64_t* in, const std::int64_t* bias) {
    const WideInt s0 = sum(in, bias);
    const WideInt s1 = sum(in + kWide, bias == nullptr ? nullptr : bias + kWide);
    const WideInt m0 = wide_magnitude(s0);
    const WideInt m1 = wide_magnitude(s1);
    const WideInt top = largest_shifted;
    Parts parts;
    parts.negative = negative(high_halves(s0, s1));
    parts.lost = zero();
    if (shift <= 0) {
      parts.whole = low_halves(wide_left(wide_min_unsigned(m0, top), left_count),
                               wide_left(wide_min_unsigned(m1, top), left_count));
      parts.fraction = zero();
      return parts;
    }
    parts.whole = low_halves(wide_min_unsigned(wide_right(m0, right_count), top),
                             wide_min_unsigned(wide_right(m1, right_count), top));
    if (shift <= 32) {
      parts.fraction = low_halves(wide_left(m0, fraction_count), wide_left(m1, fraction_count));
    } else {
      parts.fraction = low_halves(wide_right(m0, fraction_count), wide_right(m1, fraction_count));
      const WideInt l0 = wide_left(m0, lost_count);
      const WideInt l1 = wide_left(m1, lost_count);
      parts.lost = either(low_halves(l0, l1), high_halves(l0, l1));
    }
    return parts;
  }
  [[nodiscard]] DYADIC_INLINE bool failed() const {
    return any(is_different(either(low_halves(outside, outside), high_halves(outside, outside)), zero()));
  }
};
