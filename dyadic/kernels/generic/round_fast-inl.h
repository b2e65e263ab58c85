// Shortcuts for what is rounded most: float32 to grids of at most 23 bits and to short floats, to nearest or with 8 or
// 16 random bits, in float32 arithmetic, and int32 sums to grids. One rounding of the processor is the rounding asked
// for; everything else about it is exact. A vector that holds anything unusual (a code at a limit, overflow, NaN,
// infinity) is refused, and the long way of round_loop-inl.h does it again.

struct NoShortcut {
  static constexpr bool kExists = false;
  DYADIC_INLINE NoShortcut(const RoundPlan&, const RoundJob&) {}
};

/// x / step, plus the random fraction of a step, rounded down by the processor and then to a whole number: rounding
/// down never passes a whole number, so that both together are the floor of the exact sum. Sign-symmetric grids do the
/// same with |x|. Ties away from zero (kAway): the floor of |x| / step + pred(1/2), whose own rounding reaches a whole
/// number only from the half below it.
template <RandomKind kRandom, bool kDivides, bool kValues, bool kAway = false>
struct GridShortcut {
  static constexpr bool kExists = true;

  Float steps_per_unit, divisor, random_unit, limit, half_range, unit;
  Int offset;

  DYADIC_INLINE GridShortcut(const RoundPlan& plan, const RoundJob&)
      : steps_per_unit(splat_float(kDivides ? 1.0F : std::ldexp(1.0F, -plan.step_exponent))),
        divisor(splat_float(plan.divisor)),
        random_unit(splat_float(std::ldexp(1.0F, -plan.random_bits))),
        limit(splat_float(static_cast<float>(std::min(plan.positive_limit, plan.negative_limit)))),
        half_range(splat_float(static_cast<float>(plan.half_range))),
        unit(splat_float(plan.unit)),
        offset(splat(static_cast<std::uint32_t>(plan.offset))) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int random, std::byte* out, Sink& sink) const {
    Float x = read_sum(in, bias);
    if constexpr (kDivides) x = divide(x, divisor);
    const Int sign = both(bits(x), splat(0x80000000));
    Float steps;
    if constexpr (kAway) {
      const Float absolute = as_float(differing(bits(x), sign));
      steps = toward_lower(add(multiply(absolute, steps_per_unit), splat_float(0x1.fffffep-2F)));
      steps = as_float(either(bits(steps), sign));
    } else if constexpr (kRandom == RandomKind::none) {
      steps = to_nearest(multiply(x, steps_per_unit));
    } else if constexpr (kRandom == RandomKind::from_lower) {
      steps = toward_lower(multiply_add_down(x, steps_per_unit, multiply(to_float(random), random_unit)));
    } else {
      const Float absolute = as_float(differing(bits(x), sign));
      steps = toward_lower(multiply_add_down(absolute, steps_per_unit, multiply(to_float(random), random_unit)));
      steps = as_float(either(bits(steps), sign));
    }
    const Float absolute_steps = as_float(both(bits(steps), splat(0x7FFFFFFF)));
    if (any(not_less(absolute_steps, limit))) return false;
    sink.lanes.zeros = increment_where(equals(steps, splat_float(0)), sink.lanes.zeros);
    sink.lanes.half_range = increment_where(not_less(absolute_steps, half_range), sink.lanes.half_range);
    if constexpr (kValues) store_values(out, multiply_add(steps, unit, splat_float(0)), sink.stream);  // -0 becomes +0
    else store_codes(out, add(to_int(steps), offset), sink.bytes);
    return true;
  }
};

/// |x| + c - c with c so large that float32 keeps nothing below the format's spacing at |x|. The random fraction is
/// added to |x| first, all three additions rounded toward zero.
template <RandomKind kRandom>
struct FloatShortcut {
  static constexpr bool kExists = true;

  Int least_exponent, to_anchor, to_random_unit;
  Float notable;

  DYADIC_INLINE FloatShortcut(const RoundPlan& plan, const RoundJob&)
      : least_exponent(splat(static_cast<std::uint32_t>(plan.min_exponent + 127) << 23)),
        to_anchor(splat(static_cast<std::uint32_t>(23 - plan.mantissa_bits) << 23)),
        to_random_unit(splat(static_cast<std::uint32_t>(plan.mantissa_bits + plan.random_bits) << 23)),
        notable(splat_float(plan.notable_value)) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int random, std::byte* out, Sink& sink) const {
    const Float x = read_sum(in, bias);
    const Float absolute = as_float(both(bits(x), splat(0x7FFFFFFF)));
    const Int exponent = max_signed(both(bits(x), splat(0x7F800000)), least_exponent);
    const Float anchor = as_float(add(exponent, to_anchor));
    Float rounded;
    if constexpr (kRandom == RandomKind::none) {
      rounded = subtract(add(absolute, anchor), anchor);
    } else {
      const Float random_unit = as_float(subtract(exponent, to_random_unit));
      const Float raised = multiply_add_down(to_float(random), random_unit, absolute);
      rounded = subtract(add_down(raised, anchor), anchor);
    }
    if (any(not_less(rounded, notable))) return false;
    sink.lanes.zeros = increment_where(equals(rounded, splat_float(0)), sink.lanes.zeros);
    store_values(out, as_float(either(bits(rounded), both(bits(x), splat(0x80000000)))), sink.stream);
    return true;
  }
};

// For tiers that cannot round down in arithmetic: the floor of what lies in units of 2^-r steps, as an integer, plus
// the r random bits; what is left above them is the rounded number of steps.

template <RandomKind kRandom, bool kDivides, bool kValues>
struct RandomGridShortcut {
  static constexpr bool kExists = true;

  Float scale, divisor, limit, unit;
  Int random_bits, lowest, lowest_steps, below_half, offset;

  static bool fits(const RoundPlan& plan) {
    const int exponent = plan.random_bits - (kDivides ? 0 : plan.step_exponent);
    // Small negative numbers must not become zero on the way to their lower neighbour.
    const int least_exponent = kRandom == RandomKind::from_lower ? 0 : -126;
    return exponent <= 127 && exponent >= least_exponent &&
           std::min(plan.positive_limit, plan.negative_limit) < (1U << (31 - plan.random_bits));
  }
  DYADIC_INLINE RandomGridShortcut(const RoundPlan& plan, const RoundJob&)
      : scale(splat_float(std::ldexp(1.0F, plan.random_bits - (kDivides ? 0 : plan.step_exponent)))),
        divisor(splat_float(plan.divisor)),
        // One step below the limits: rounding up does not reach them.
        limit(splat_float(
            std::ldexp(static_cast<float>(std::min(plan.positive_limit, plan.negative_limit)) - 1, plan.random_bits))),
        unit(splat_float(plan.unit)),
        random_bits(count_of(plan.random_bits)),
        lowest(splat(0x80000000)),
        lowest_steps(splat(1U << (31 - plan.random_bits))),
        below_half(splat(plan.half_range - 1)),
        offset(splat(static_cast<std::uint32_t>(plan.offset))) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int random, std::byte* out, Sink& sink) const {
    Float x = read_sum(in, bias);
    if constexpr (kDivides) x = divide(x, divisor);
    const Float fine = multiply(x, scale);
    const Float absolute = as_float(both(bits(fine), splat(0x7FFFFFFF)));
    if (any(not_less(absolute, limit))) return false;
    Int steps, rounded;
    if constexpr (kRandom == RandomKind::from_zero) {
      rounded = right_each(add(to_int(toward_lower(absolute)), random), random_bits);
      steps = negate_where(negative(bits(x)), rounded);
    } else {
      const Int raised = add(add(to_int(toward_lower(fine)), random), lowest);  // not negative
      steps = subtract(right_each(raised, random_bits), lowest_steps);
      rounded = magnitude(steps);
    }
    sink.lanes.zeros = increment_where(is_zero(rounded), sink.lanes.zeros);
    sink.lanes.half_range = increment_where(greater(rounded, below_half), sink.lanes.half_range);
    if constexpr (kValues) store_values(out, multiply(to_float(steps), unit), sink.stream);
    else store_codes(out, add(steps, offset), sink.bytes);
    return true;
  }
};

struct RandomFloatShortcut {
  static constexpr bool kExists = true;

  Int least_exponent, to_fine, to_unit, random_bits;
  Float notable;

  static bool fits(const RoundPlan& plan) { return plan.mantissa_bits + 1 + plan.random_bits <= 30; }
  DYADIC_INLINE RandomFloatShortcut(const RoundPlan& plan, const RoundJob&)
      : least_exponent(splat(static_cast<std::uint32_t>(plan.min_exponent + 127) << 23)),
        to_fine(splat(static_cast<std::uint32_t>(2 * 127 + plan.mantissa_bits + plan.random_bits) << 23)),
        to_unit(splat(static_cast<std::uint32_t>(plan.mantissa_bits) << 23)),
        random_bits(count_of(plan.random_bits)),
        notable(splat_float(plan.notable_value)) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int random, std::byte* out, Sink& sink) const {
    const Float x = read_sum(in, bias);
    const Float absolute = as_float(both(bits(x), splat(0x7FFFFFFF)));
    const Int exponent = max_signed(both(bits(x), splat(0x7F800000)), least_exponent);
    const Float fine = toward_lower(multiply(absolute, as_float(subtract(to_fine, exponent))));
    const Int steps = right_each(add(to_int(fine), random), random_bits);
    const Float rounded = multiply(to_float(steps), as_float(subtract(exponent, to_unit)));
    if (any(not_less(rounded, notable))) return false;  // so are infinity and NaN, whose conversion is 2^31
    sink.lanes.zeros = increment_where(is_zero(steps), sink.lanes.zeros);
    store_values(out, as_float(either(bits(rounded), both(bits(x), splat(0x80000000)))), sink.stream);
    return true;
  }
};

/// Shorter floats with float32's exponents: the random bits are added below the last bit that stays, as the definition
/// says, subnormals and all.
struct RandomShorterShortcut {
  static constexpr bool kExists = true;

  Int left_count, right_count, kept_bits;
  Float notable;

  static bool fits(const RoundPlan& plan) {
    return plan.random_bits <= 16 && plan.random_offset == 0 && plan.mantissa_bits <= 22;
  }
  DYADIC_INLINE RandomShorterShortcut(const RoundPlan& plan, const RoundJob&)
      : left_count(count_of(std::max(23 - plan.mantissa_bits - plan.random_bits, 0))),
        right_count(count_of(std::max(plan.random_bits + plan.mantissa_bits - 23, 0))),
        kept_bits(splat(0xFFFFFFFF << (23 - plan.mantissa_bits))),
        notable(splat_float(plan.notable_value)) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int random, std::byte* out, Sink& sink) const {
    const Float x = read_sum(in, bias);
    const Int absolute = both(bits(x), splat(0x7FFFFFFF));
    const Int rounded = both(add(absolute, right_each(left_each(random, left_count), right_count)), kept_bits);
    if (any(either(not_less(as_float(absolute), notable), not_less(as_float(rounded), notable)))) return false;
    sink.lanes.zeros = increment_where(is_zero(rounded), sink.lanes.zeros);
    store_values(out, as_float(either(rounded, both(bits(x), splat(0x80000000)))), sink.stream);
    return true;
  }
};

/// float32 itself: nothing to round, only to count and perhaps to clamp.
struct SameFloatShortcut {
  static constexpr bool kExists = true;

  Float notable;

  DYADIC_INLINE SameFloatShortcut(const RoundPlan& plan, const RoundJob&) : notable(splat_float(plan.notable_value)) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int, std::byte* out, Sink& sink) const {
    const Float x = read_sum(in, bias);
    const Float absolute = as_float(both(bits(x), splat(0x7FFFFFFF)));
    if (any(not_less(absolute, notable))) return false;
    sink.lanes.zeros = increment_where(equals(absolute, splat_float(0)), sink.lanes.zeros);
    store_values(out, x, sink.stream);
    return true;
  }
};

/// float16 codes by the processor's own conversion (kHalves).
struct HalfShortcut {
  static constexpr bool kExists = true;

  Float notable;

  // Anything below it rounds to a number below the notable one.
  DYADIC_INLINE HalfShortcut(const RoundPlan& plan, const RoundJob&)
      : notable(splat_float(plan.notable_value * (1 - 0x1p-11F))) {}

  template <typename Sink>
  DYADIC_INLINE bool put(const float* in, const float* bias, Int, std::byte* out, Sink& sink) const {
    const Float x = read_sum(in, bias);
    const Float absolute = as_float(both(bits(x), splat(0x7FFFFFFF)));
    if (any(not_less(absolute, notable))) return false;
    // Half the least subnormal is a tie and goes to zero.
    const Int more_than_half = splat(0x33000001);
    sink.lanes.zeros = increment_where(greater(more_than_half, bits(absolute)), sink.lanes.zeros);
    store_half(out, x);
    return true;
  }
};

/// int32 sums, or 16-bit codes, to steps of 2^1 to 2^30 of their units, to nearest.
template <bool kAway>
struct SumShortcut {
  static constexpr bool kExists = true;

  Int count, addend, below_limit, below_half, offset;

  static bool fits(const RoundPlan& plan, const RoundJob& job) {
    const int shift = plan.step_exponent - job.exponent;
    return shift >= 1 && shift <= 30 && !plan.zero_is_largest;
  }
  DYADIC_INLINE SumShortcut(const RoundPlan& plan, const RoundJob& job)
      : count(count_of(plan.step_exponent - job.exponent)),
        addend(splat((1U << (plan.step_exponent - job.exponent - 1)) - (kAway ? 0 : 1))),
        below_limit(splat(std::min(plan.positive_limit, plan.negative_limit) - 1)),
        below_half(splat(plan.half_range - 1)),
        offset(splat(static_cast<std::uint32_t>(plan.offset))) {}

  template <typename Code, typename Sink>
  DYADIC_INLINE bool put(const Code* in, const std::int32_t* bias, Int, std::byte* out, Sink& sink) const {
    const Int sum = read_integers(in, bias);
    const Int absolute = magnitude(sum);  // as an unsigned number: the sums below do not wrap
    Int raised = add(absolute, addend);
    if constexpr (!kAway) raised = add(raised, both(right_each(absolute, count), splat(1)));
    const Int rounded = right_each(raised, count);
    if (any(greater(rounded, below_limit))) return false;
    sink.lanes.zeros = increment_where(is_zero(rounded), sink.lanes.zeros);
    sink.lanes.half_range = increment_where(greater(rounded, below_half), sink.lanes.half_range);
    store_codes(out, add(negate_where(negative(sum), rounded), offset), sink.bytes);
    return true;
  }
};
