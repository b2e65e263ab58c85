// Shortcuts for what is rounded most: float32 to grids of at most 23 bits and to short floats, to nearest even or with
// 8 or 16 random bits, in float32 arithmetic. One rounding of the processor is the rounding asked for; everything else
// about it is exact. A vector that holds anything unusual (a code at a limit, overflow, NaN, infinity) is refused, and
// the long way of round_loop-inl.h does it again.

struct NoShortcut {
  static constexpr bool kExists = false;
  DYADIC_INLINE explicit NoShortcut(const RoundPlan&) {}
};

/// x / step, plus the random fraction of a step, rounded down by the processor and then to a whole number: rounding
/// down never passes a whole number, so that both together are the floor of the exact sum. Sign-symmetric grids do the
/// same with |x|.
template <RandomKind kRandom, bool kDivides, bool kValues>
struct GridShortcut {
  static constexpr bool kExists = true;

  Float steps_per_unit, divisor, random_unit, limit, half_range, unit;
  Int offset;

  DYADIC_INLINE explicit GridShortcut(const RoundPlan& plan)
      : steps_per_unit(splat_float(kDivides ? 1.0F : std::ldexp(1.0F, -plan.step_exponent))),
        divisor(splat_float(plan.divisor)),
        random_unit(splat_float(std::ldexp(1.0F, -plan.random_bits))),
        limit(splat_float(static_cast<float>(std::min(plan.positive_limit, plan.negative_limit)))),
        half_range(splat_float(static_cast<float>(plan.half_range))),
        unit(splat_float(plan.unit)),
        offset(splat(static_cast<std::uint32_t>(plan.offset))) {}

  template <typename Sink>
  DYADIC_INLINE bool put(Float x, Int random, std::byte* out, Sink& sink) const {
    if constexpr (kDivides) x = divide(x, divisor);
    const Int sign = both(bits(x), splat(0x80000000));
    Float steps;
    if constexpr (kRandom == RandomKind::none) {
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

  DYADIC_INLINE explicit FloatShortcut(const RoundPlan& plan)
      : least_exponent(splat(static_cast<std::uint32_t>(plan.min_exponent + 127) << 23)),
        to_anchor(splat(static_cast<std::uint32_t>(23 - plan.mantissa_bits) << 23)),
        to_random_unit(splat(static_cast<std::uint32_t>(plan.mantissa_bits + plan.random_bits) << 23)),
        notable(splat_float(plan.notable_value)) {}

  template <typename Sink>
  DYADIC_INLINE bool put(Float x, Int random, std::byte* out, Sink& sink) const {
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
