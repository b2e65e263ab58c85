// Codes that are already rounded: decoding and counting.

DYADIC_INLINE Int load_codes(const std::byte* codes, CodeType type) {
  switch (type) {
    case CodeType::i8: return load_i8(codes);
    case CodeType::u8: return load_u8(codes);
    case CodeType::i16: return load_i16(codes);
    case CodeType::u16: return load_u16(codes);
    default: return load(codes);
  }
}

struct GridDecoder {
  Int multiplier, offset;
  Float unit;
  bool multiplies;

  DYADIC_INLINE explicit GridDecoder(const RoundPlan& plan)
      : multiplier(splat(static_cast<std::uint32_t>(plan.multiplier))),
        offset(splat(static_cast<std::uint32_t>(plan.offset))),
        unit(splat_float(plan.unit)),
        multiplies(plan.multiplier != 1) {}
  DYADIC_INLINE Float decode(Int codes) const {
    if (multiplies) codes = multiply(codes, multiplier);
    return multiply(to_float(subtract(codes, offset)), unit);
  }
};

template <bool kSameExponents>
struct FloatDecoder {
  FloatSink<true, kSameExponents> sink;
  Int sign_shift, magnitude_bits, largest_number, infinity, nan_code;

  DYADIC_INLINE explicit FloatDecoder(const RoundPlan& plan)
      : sink(plan, RoundJob{}),
        sign_shift(count_of(32 - plan.width)),
        magnitude_bits(splat((1U << (plan.width - 1)) - 1)),
        largest_number(splat(plan.largest_number)),
        infinity(splat(plan.infinity)),
        nan_code(splat(plan.nan_code)) {}
  DYADIC_INLINE Float decode(Int codes) const {
    const Int magnitudes = both(codes, magnitude_bits);
    const Int sign = both(left_each(codes, sign_shift), splat(0x80000000));
    const Int numbers = either(sink.value_bits(magnitudes), sign);
    const Mask nan = either(greater(magnitudes, largest_number), is_equal(codes, nan_code));
    const Int all = select(is_equal(magnitudes, infinity), either(splat(0x7F800000), sign), numbers);
    return as_float(select(nan, splat(0x7FC00000), all));
  }
};

/// float16 by the processor's own conversion, which keeps what a NaN carries; codecs do not.
struct HalfDecoder {
  DYADIC_INLINE explicit HalfDecoder(const RoundPlan&) {}
};

template <typename Decoder>
DYADIC_INLINE Float decode_codes(const Decoder& decoder, const std::byte* codes, CodeType type) {
  if constexpr (std::is_same_v<Decoder, HalfDecoder>) {
    const Float value = load_half(codes);
    return as_float(select(is_nan(value), splat(0x7FC00000), bits(value)));
  } else {
    return decoder.decode(load_codes(codes, type));
  }
}

template <typename Decoder>
void decode_loop(const RoundPlan& plan, CodeType type, const std::byte* codes, std::int64_t n, float* values) {
  const Decoder decoder(plan);
  const int bytes = code_bytes(type);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_float(values + i, decode_codes(decoder, codes + i * bytes, type));
  if (i == n) return;
  alignas(64) std::byte last_codes[4 * kLanes] = {};
  alignas(64) float last[kLanes];
  std::memcpy(last_codes, codes + i * bytes, static_cast<std::size_t>((n - i) * bytes));
  store_float(last, decode_codes(decoder, last_codes, type));
  std::memcpy(values + i, last, static_cast<std::size_t>(n - i) * 4);
}

void run_dequantize(const RoundPlan& plan, CodeType type, const void* codes, std::int64_t n, float* values) {
  const auto* bytes = static_cast<const std::byte*>(codes);
  if constexpr (kHalves) {
    if (plan.half) return decode_loop<HalfDecoder>(plan, type, bytes, n, values);
  }
  if (plan.grid) decode_loop<GridDecoder>(plan, type, bytes, n, values);
  else if (plan.same_exponents) decode_loop<FloatDecoder<true>>(plan, type, bytes, n, values);
  else decode_loop<FloatDecoder<false>>(plan, type, bytes, n, values);
}

struct GridCounter {
  Int zero_code, offset, min_code, max_code, below_half;

  // Codes may reach 2^31 - 1, which as a magnitude means "never".
  DYADIC_INLINE explicit GridCounter(const RoundPlan& plan)
      : zero_code(splat(plan.zero_code)),
        offset(splat(static_cast<std::uint32_t>(plan.offset))),
        min_code(splat(static_cast<std::uint32_t>(plan.min_code))),
        max_code(splat(static_cast<std::uint32_t>(plan.max_code))),
        below_half(splat(plan.half_range == RoundPlan::kNever ? 0xFFFFFFFF : plan.half_range - 1)) {}
  DYADIC_INLINE void count(Int codes, LaneCounts& lanes) const {
    lanes.zeros = increment_where(is_equal(codes, zero_code), lanes.zeros);
    lanes.largest = increment_where(either(is_equal(codes, max_code), is_equal(codes, min_code)), lanes.largest);
    lanes.half_range = increment_where(greater_unsigned(magnitude(codes), below_half), lanes.half_range);
  }
};

struct FloatCounter {
  Int magnitude_bits, largest_number, infinity, nan_code, below_largest, below_half;

  DYADIC_INLINE explicit FloatCounter(const RoundPlan& plan)
      : magnitude_bits(splat((1U << (plan.width - 1)) - 1)),
        largest_number(splat(plan.largest_number)),
        infinity(splat(plan.infinity)),
        nan_code(splat(plan.nan_code)),
        below_largest(splat(plan.largest - 1)),
        below_half(splat(plan.half_range - 1)) {}
  DYADIC_INLINE void count(Int codes, LaneCounts& lanes) const {
    const Int magnitudes = both(codes, magnitude_bits);
    const Mask nan = either(greater(magnitudes, largest_number), is_equal(codes, nan_code));
    lanes.zeros = increment_where(without(is_zero(magnitudes), nan), lanes.zeros);
    lanes.nonfinite = increment_where(either(nan, is_equal(magnitudes, infinity)), lanes.nonfinite);
    lanes.largest = increment_where(without(greater(magnitudes, below_largest), nan), lanes.largest);
    lanes.half_range = increment_where(without(greater(magnitudes, below_half), nan), lanes.half_range);
  }
};

template <typename Counter>
void count_loop(const RoundPlan& plan, CodeType type, const std::byte* codes, std::int64_t n, RoundingCounts& counts) {
  const Counter counter(plan);
  LaneCounts lanes;
  const int bytes = code_bytes(type);
  for (std::int64_t i = 0; i < n; i += kLanes) counter.count(load_codes(codes + i * bytes, type), lanes);
  counts.elements += n;
  lanes.add_to(counts);
}

/// Counts the largest multiple of kLanes and returns it: the rest has no neutral padding.
std::int64_t run_count_codes(const RoundPlan& plan, CodeType type, const void* codes, std::int64_t n,
                             RoundingCounts& counts) {
  const auto* bytes = static_cast<const std::byte*>(codes);
  n -= n % kLanes;
  if (plan.grid) count_loop<GridCounter>(plan, type, bytes, n, counts);
  else count_loop<FloatCounter>(plan, type, bytes, n, counts);
  return n;
}

void run_narrow(const double* in, std::int64_t n, bool to_odd, float* out) {
  std::int64_t i = 0;
  for (; i + kWide <= n; i += kWide) {
    if (to_odd) store_rounded_to_odd(out + i, load_double(in + i));
    else store_rounded(out + i, load_double(in + i));
  }
  if (i == n) return;
  alignas(64) double last_in[kWide] = {};
  alignas(64) float last[kWide];
  std::memcpy(last_in, in + i, static_cast<std::size_t>(n - i) * 8);
  if (to_odd) store_rounded_to_odd(last, load_double(last_in));
  else store_rounded(last, load_double(last_in));
  std::memcpy(out + i, last, static_cast<std::size_t>(n - i) * 4);
}
