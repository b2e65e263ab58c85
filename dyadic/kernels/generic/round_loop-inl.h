// Rounding kernels: a source, the decision of RoundPlan, a sink. Written once, compiled per tier; the three kinds of
// random bits and the pairs of source and sink are template arguments, everything else is constants of the plan.

template <RandomKind kRandom, typename Source>
struct Decision {
  Int threshold, negative_flip, odd_flip, random_offset;
  bool whole_words;

  DYADIC_INLINE explicit Decision(const RoundPlan& plan)
      : threshold(splat(plan.threshold)),
        negative_flip(splat(plan.negative_flip)),
        odd_flip(splat(plan.odd_flip)),
        random_offset(splat(plan.random_offset)),
        whole_words(plan.random_bits == 32) {}

  /// The magnitude after rounding. `random`: the random bits at the top of each lane.
  DYADIC_INLINE Int round(const Parts& parts, Int random) const {
    const Int one = splat(1);
    Int fraction = parts.fraction;
    // With fewer than 32 random bits the lowest bit of the threshold is zero, and lost bits may stand in the lowest of
    // the fraction.
    const bool lost_in_fraction = kRandom == RandomKind::none || (kRandom == RandomKind::from_lower && !whole_words);
    if (Source::kLost && lost_in_fraction) fraction = either(fraction, min_unsigned(parts.lost, one));
    Int limit = threshold;
    if constexpr (kRandom == RandomKind::none) {
      limit = flip_where(parts.negative, limit, negative_flip);
      limit = flip_where(any_bit(parts.whole, one), limit, odd_flip);
    } else {
      const Int bits_set = either(random, random_offset);
      const Int ones = splat(0xFFFFFFFF);
      limit = differing(bits_set, ones);
      if constexpr (kRandom == RandomKind::from_lower) limit = select(parts.negative, bits_set, limit);
    }
    Mask up = greater_unsigned(fraction, limit);
    if (kRandom == RandomKind::from_lower && whole_words) {
      const Mask tied = without(is_equal(fraction, limit), is_zero(parts.lost));
      up = either(up, both(tied, parts.negative));
    }
    Int magnitude_code = increment_where(up, parts.whole);
    if constexpr (Source::kBase) magnitude_code = add(magnitude_code, parts.base);
    return magnitude_code;
  }
};

DYADIC_INLINE Int load_random(const std::byte* words, std::int64_t i, int bits_each) {
  if (bits_each == 16) return left<16>(load_u16(words + 2 * i));
  if (bits_each == 8) return left<24>(load_u8(words + i));
  return load(words + 4 * i);
}

/// Random words are made for this many elements at a time: they stay in the first-level cache.
constexpr std::int64_t kRandomChunk = 1024;

struct RandomBuffer {
  // More than a word for each element: the block in which a chunk begins, and the lanes after its end.
  alignas(64) std::uint32_t words[kRandomChunk + 4 + 2 * kLanes];

  /// Makes the bits of elements i .. i + n - 1 and returns where those of element i are.
  const std::byte* fill(const RoundJob& job, std::int64_t i, std::int64_t n, int bits_each) {
    const auto per_block = static_cast<std::uint64_t>(128 / bits_each);
    const std::uint64_t first = job.random.first_index + static_cast<std::uint64_t>(i);
    const std::uint64_t block = first / per_block;
    const std::uint64_t end = (first + static_cast<std::uint64_t>(n) - 1) / per_block + 1;
    fill_random_blocks(job.random.stream, block, static_cast<std::int64_t>(end - block), words);
    return reinterpret_cast<const std::byte*>(words) +
           (first - block * per_block) * static_cast<std::uint64_t>(bits_each) / 8;
  }
};

/// Asks for the input that is needed next. Loads from memory must not wait for one another, nor stop while random words
/// are made: so half of the next chunk is asked for before that, the other half during the rounding after it.
template <RandomKind kRandom>
struct Prefetch {
  static constexpr std::int64_t kAheadBytes = 4096;

  static DYADIC_INLINE void ask(const void* where) { _mm_prefetch(static_cast<const char*>(where), _MM_HINT_T0); }
  template <typename Element>
  static DYADIC_INLINE void before_random(const Element* chunk) {
    constexpr std::int64_t kLine = 64 / sizeof(Element);
    for (std::int64_t i = 0; i < kRandomChunk / 2; i += kLine) ask(chunk + kRandomChunk + i);
  }
  template <typename Element>
  static DYADIC_INLINE void in_loop(const Element* chunk, std::int64_t i) {
    if constexpr (kRandom == RandomKind::none) ask(reinterpret_cast<const char*>(chunk + i) + kAheadBytes);
    else ask(chunk + kRandomChunk + kRandomChunk / 2 + i / 2);
  }
};

/// The same as small integers.
DYADIC_INLINE Int load_random_integers(const std::byte* words, std::int64_t i, int bits_each) {
  return bits_each == 16 ? load_u16(words + 2 * i) : load_u8(words + i);
}

template <RandomKind kRandom, typename Source, typename Sink, typename Shortcut = NoShortcut>
bool round_loop(const RoundPlan& plan, const RoundJob& job, RoundingCounts& counts) {
  using Element = typename Source::Element;
  using Bias = typename Source::Bias;
  Source source(plan, job);
  Sink sink(plan, job);
  const Decision<kRandom, Source> decision(plan);
  const auto* in = static_cast<const Element*>(job.input);
  const auto* bias = static_cast<const Bias*>(job.bias);
  auto* out = static_cast<std::byte*>(job.output);
  const std::int64_t out_bytes = job.values ? 4 : plan.code_bytes;
  RandomBuffer random;
  const std::byte* words = nullptr;
  const Shortcut shortcut(plan, job);

  for (std::int64_t begin = 0; begin < job.n;) {
    const std::int64_t end = kRandom == RandomKind::none ? job.n : std::min(job.n, begin + kRandomChunk);
    if constexpr (kRandom != RandomKind::none) {
      if (begin + kRandomChunk < job.n) Prefetch<kRandom>::before_random(in + begin);
      words = random.fill(job, begin, end - begin, plan.random_bits);
    }
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      Prefetch<kRandom>::in_loop(in + begin, i - begin);
      if constexpr (Shortcut::kExists) {
        const Int integers =
            kRandom == RandomKind::none ? zero() : load_random_integers(words, i - begin, plan.random_bits);
        const bool done =
            shortcut.put(in + i, bias == nullptr ? nullptr : bias + i, integers, out + i * out_bytes, sink);
        if (__builtin_expect(done, 1)) continue;
      }
      const Parts parts = source.read(in + i, bias == nullptr ? nullptr : bias + i);
      const Int bits_set = kRandom == RandomKind::none ? zero() : load_random(words, i - begin, plan.random_bits);
      sink.template put<Source::kNan>(out + i * out_bytes, decision.round(parts, bits_set), parts);
    }
    if (i < end) {  // zeros fill the last lanes; they never move, and what they add to the counters is known
      const auto rest = static_cast<std::size_t>(end - i);
      alignas(64) Element last_in[kLanes] = {};
      alignas(64) Bias last_bias[kLanes] = {};
      alignas(64) std::byte last_out[4 * kLanes];
      std::memcpy(last_in, in + i, rest * sizeof(Element));
      if (bias != nullptr) std::memcpy(last_bias, bias + i, rest * sizeof(Bias));
      const Parts parts = source.read(last_in, bias == nullptr ? nullptr : last_bias);
      const Int bits_set = kRandom == RandomKind::none ? zero() : load_random(words, i - begin, plan.random_bits);
      sink.template put<Source::kNan>(last_out, decision.round(parts, bits_set), parts);
      std::memcpy(out + i * out_bytes, last_out, rest * static_cast<std::size_t>(out_bytes));
      const auto padding = static_cast<std::int64_t>(kLanes - rest);
      counts.zeros -= padding;
      counts.largest -= plan.zero_is_largest ? padding : 0;
    }
    begin = end;
  }
  if (job.stream) _mm_sfence();
  counts.elements += job.n;
  sink.lanes.add_to(counts);
  return !source.failed();
}

using RoundLoop = bool (*)(const RoundPlan&, const RoundJob&, RoundingCounts&);

template <bool kValues, RandomKind kRandom, bool kDivides>
RoundLoop float_to_grid_loop(const RoundPlan& plan) {
  using Source = FloatToGrid<kRandom, kDivides>;
  using Sink = GridSink<kValues>;
  if constexpr (kRandom == RandomKind::none) {
    if (plan.shortcut && plan.away) {
      return &round_loop<kRandom, Source, Sink, GridShortcut<kRandom, kDivides, kValues, true>>;
    }
  }
  if constexpr (kRandom == RandomKind::none || kRoundsDown) {
    if (plan.shortcut) return &round_loop<kRandom, Source, Sink, GridShortcut<kRandom, kDivides, kValues>>;
  } else {
    using Shortcut = RandomGridShortcut<kRandom, kDivides, kValues>;
    if (plan.shortcut && Shortcut::fits(plan)) return &round_loop<kRandom, Source, Sink, Shortcut>;
  }
  return &round_loop<kRandom, Source, Sink>;
}

template <RandomKind kRandom, typename Code>
RoundLoop integer_loop(const RoundPlan& plan, const RoundJob& job) {
  using Source = IntToGrid<Code>;
  using Sink = GridSink<false>;
  if constexpr (kRandom == RandomKind::none) {
    if (plan.nearest_sums && SumShortcut<true>::fits(plan, job)) {
      return plan.away ? &round_loop<kRandom, Source, Sink, SumShortcut<true>>
                       : &round_loop<kRandom, Source, Sink, SumShortcut<false>>;
    }
  }
  return &round_loop<kRandom, Source, Sink>;
}

template <bool kValues, RandomKind kRandom>
RoundLoop grid_loop(const RoundPlan& plan, const RoundJob& job) {
  const RoundSource source = job.source;
  if (source == RoundSource::f32) {
    return plan.divides ? float_to_grid_loop<kValues, kRandom, true>(plan)
                        : float_to_grid_loop<kValues, kRandom, false>(plan);
  }
  if constexpr (!kValues) {
    using Sink = GridSink<false>;
    if (source == RoundSource::f64) return &round_loop<kRandom, DoubleToGrid, Sink>;
    if (source == RoundSource::i32) return integer_loop<kRandom, std::int32_t>(plan, job);
    if (source == RoundSource::i16) return integer_loop<kRandom, std::int16_t>(plan, job);
    return &round_loop<kRandom, LongToGrid, Sink>;
  }
  return nullptr;
}

template <bool kValues, RandomKind kRandom>
RoundLoop float_loop(const RoundPlan& plan) {
  if (plan.same_exponents) {
    using Sink = FloatSink<kValues, true>;
    if constexpr (kRandom == RandomKind::none) {
      if (plan.shortcut && plan.mantissa_bits == 23)
        return &round_loop<kRandom, FloatToShorter, Sink, SameFloatShortcut>;
    }
    if constexpr (kValues && kRandom == RandomKind::none) {
      if (plan.shortcut) return &round_loop<kRandom, FloatToShorter, Sink, FloatShortcut<kRandom>>;
    }
    if constexpr (kValues && kRandom == RandomKind::from_zero) {
      if (RandomShorterShortcut::fits(plan)) return &round_loop<kRandom, FloatToShorter, Sink, RandomShorterShortcut>;
    }
    return &round_loop<kRandom, FloatToShorter, Sink>;
  }
  using Source = FloatToNarrower<kRandom>;
  using Sink = FloatSink<kValues, false>;
  if constexpr (kValues && (kRandom == RandomKind::none || kRoundsDown)) {
    if (plan.shortcut) return &round_loop<kRandom, Source, Sink, FloatShortcut<kRandom>>;
  } else if constexpr (kValues) {
    if (plan.shortcut && RandomFloatShortcut::fits(plan))
      return &round_loop<kRandom, Source, Sink, RandomFloatShortcut>;
  }
  if constexpr (!kValues && kRandom == RandomKind::none && kHalves) {
    if (plan.shortcut && plan.half) return &round_loop<kRandom, Source, Sink, HalfShortcut>;
  }
  return &round_loop<kRandom, Source, Sink>;
}

template <bool kValues>
RoundLoop find_loop(const RoundPlan& plan, const RoundJob& job) {
  if (!plan.grid) {
    return plan.random == RandomKind::none ? float_loop<kValues, RandomKind::none>(plan)
                                           : float_loop<kValues, RandomKind::from_zero>(plan);
  }
  switch (plan.random) {
    case RandomKind::none: return grid_loop<kValues, RandomKind::none>(plan, job);
    case RandomKind::from_zero: return grid_loop<kValues, RandomKind::from_zero>(plan, job);
    default: return grid_loop<kValues, RandomKind::from_lower>(plan, job);
  }
}

bool run_round(const RoundPlan& plan, const RoundJob& job, RoundingCounts& counts) {
  const RoundLoop loop = job.values ? find_loop<true>(plan, job) : find_loop<false>(plan, job);
  return loop(plan, job, counts);
}
