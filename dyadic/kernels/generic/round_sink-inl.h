// The second half of a rounding kernel: from a rounded magnitude to the code or value, and the counts.

struct LaneCounts {
  Int zeros, largest, half_range, overflowed, nonfinite;

  DYADIC_INLINE LaneCounts()
      : zeros(zero()), largest(zero()), half_range(zero()), overflowed(zero()), nonfinite(zero()) {}
  DYADIC_INLINE void add_to(RoundingCounts& counts) const {
    counts.zeros += sum_lanes(zeros);
    counts.largest += sum_lanes(largest);
    counts.half_range += sum_lanes(half_range);
    counts.overflowed += sum_lanes(overflowed);
    counts.nonfinite += sum_lanes(nonfinite);
  }
};

DYADIC_INLINE void store_codes(std::byte* out, Int codes, int bytes) {
  if (bytes == 2) store_16(out, codes);
  else if (bytes == 1) store_8(out, codes);
  else store(out, codes);
}

DYADIC_INLINE void store_values(std::byte* out, Float values, bool stream) {
  if (stream) stream_float(reinterpret_cast<float*>(out), values);
  else store_float(reinterpret_cast<float*>(out), values);
}

template <bool kValues>
struct GridSink {
  int bytes;
  bool stream;
  Int positive_limit, negative_limit, offset, min_code, max_code, below_half;
  Float unit;
  LaneCounts lanes;

  DYADIC_INLINE GridSink(const RoundPlan& plan, const RoundJob& job)
      : bytes(plan.code_bytes),
        stream(job.stream),
        positive_limit(splat(plan.positive_limit)),
        negative_limit(splat(plan.negative_limit)),
        offset(splat(static_cast<std::uint32_t>(plan.offset))),
        min_code(splat(static_cast<std::uint32_t>(plan.min_code))),
        max_code(splat(static_cast<std::uint32_t>(plan.max_code))),
        below_half(splat(plan.half_range - 1)),
        unit(splat_float(plan.unit)) {}

  template <bool kNan>
  DYADIC_INLINE void put(std::byte* out, Int rounded, const Parts& parts) {
    if constexpr (kNan) {
      if (any(parts.nan)) {
        rounded = zero_where(parts.nan, rounded);
        lanes.nonfinite = increment_where(parts.nan, lanes.nonfinite);
      }
    }
    const Int limited = min_unsigned(rounded, select(parts.negative, negative_limit, positive_limit));
    const Int steps = negate_where(parts.negative, limited);
    const Int codes = add(steps, offset);
    lanes.overflowed = increment_where(is_different(limited, rounded), lanes.overflowed);
    lanes.zeros = increment_where(is_zero(limited), lanes.zeros);
    lanes.half_range = increment_where(greater(limited, below_half), lanes.half_range);
    lanes.largest = increment_where(either(is_equal(codes, max_code), is_equal(codes, min_code)), lanes.largest);
    if constexpr (kValues) store_values(out, multiply(to_float(steps), unit), stream);
    else store_codes(out, codes, bytes);
  }
};

struct SpecialLanes {
  Int code, value, zeros, largest, half_range, nonfinite;

  DYADIC_INLINE SpecialLanes(const RoundPlan::Special& special, Mask is_negative)
      : code(pick(special.code, is_negative)),
        value(pick(special.value, is_negative)),
        zeros(pick(special.zeros, is_negative)),
        largest(pick(special.largest, is_negative)),
        half_range(pick(special.half_range, is_negative)),
        nonfinite(pick(special.nonfinite, is_negative)) {}

  static DYADIC_INLINE Int pick(const std::array<std::uint32_t, 2>& pair, Mask is_negative) {
    return select(is_negative, splat(pair[1]), splat(pair[0]));
  }
};

/// Codes or float32 values of a floating format, whose magnitudes (codes without sign) are below 2^31.
template <bool kValues, bool kSameExponents>
struct FloatSink {
  const RoundPlan& plan;
  bool stream;
  Int below_notable, value_exponent, least_normal, value_shift, sign_shift;
  LaneCounts lanes;

  DYADIC_INLINE FloatSink(const RoundPlan& round_plan, const RoundJob& job)
      : plan(round_plan),
        stream(job.stream),
        below_notable(splat(plan.notable - 1)),
        value_exponent(splat(static_cast<std::uint32_t>(plan.min_exponent + 126) << 23)),
        least_normal(splat(1U << plan.mantissa_bits)),
        value_shift(count_of(23 - plan.mantissa_bits)),
        sign_shift(count_of(32 - plan.width)) {}

  DYADIC_INLINE Int value_bits(Int rounded) const {
    const Int shifted = left_each(rounded, value_shift);
    if constexpr (kSameExponents) return shifted;
    const Int normal = add(shifted, value_exponent);
    // A subnormal is what it adds to the least normal number.
    const Int one_binade = splat(1U << 23);
    const Float subnormal = subtract(as_float(add(normal, one_binade)), as_float(add(value_exponent, one_binade)));
    return select(greater(least_normal, rounded), bits(subnormal), normal);
  }

  template <bool kNan>
  DYADIC_INLINE void put(std::byte* out, Int rounded, const Parts& parts) {
    Int sign = both(parts.raw, splat(0x80000000));
    const Mask zeros = is_zero(rounded);
    lanes.zeros = increment_where(zeros, lanes.zeros);
    if (plan.unsigned_zero) sign = zero_where(zeros, sign);
    Int result = kValues ? either(value_bits(rounded), sign) : either(rounded, right_each(sign, sign_shift));
    const Mask notable = greater(rounded, below_notable);
    if (__builtin_expect(any(notable), 0)) result = look_again(result, rounded, parts);
    if constexpr (kValues) store_values(out, as_float(result), stream);
    else store_codes(out, result, plan.code_bytes);
  }

  /// Replaces what no code stands for, and counts the large and the strange.
  DYADIC_INLINE Int look_again(Int result, Int rounded, const Parts& parts) {
    const Int absolute = both(parts.raw, splat(0x7FFFFFFF));
    const Int infinity = splat(0x7F800000);
    const Mask nan = greater(absolute, infinity);
    const Mask infinite = is_equal(absolute, infinity);
    const Mask beyond = without(greater(rounded, splat(plan.limit)), nan);
    const Mask finite_beyond = without(beyond, infinite);
    const Mask ordinary_largest = without(without(greater(rounded, splat(plan.largest - 1)), nan), beyond);
    const Mask ordinary_half = without(without(greater(rounded, splat(plan.half_range - 1)), nan), beyond);
    lanes.largest = increment_where(ordinary_largest, lanes.largest);
    lanes.half_range = increment_where(ordinary_half, lanes.half_range);
    lanes.overflowed = increment_where(beyond, lanes.overflowed);
    result = replace(result, finite_beyond, SpecialLanes(plan.overflow, parts.negative));
    result = replace(result, infinite, SpecialLanes(plan.infinite, parts.negative));
    return replace(result, nan, SpecialLanes(plan.nan, parts.negative));
  }

  DYADIC_INLINE Int replace(Int result, Mask where, const SpecialLanes& special) {
    lanes.zeros = add(lanes.zeros, select(where, special.zeros, zero()));
    lanes.largest = add(lanes.largest, select(where, special.largest, zero()));
    lanes.half_range = add(lanes.half_range, select(where, special.half_range, zero()));
    lanes.nonfinite = add(lanes.nonfinite, select(where, special.nonfinite, zero()));
    return select(where, kValues ? special.value : special.code, result);
  }
};
