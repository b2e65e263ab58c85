// Chooses between the reference loops and the tier in use, and splits the work over threads.
#include "dyadic/kernels/quantize.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/quantize_ref.h"
#include "dyadic/kernels/quantize_tiers.h"

namespace dyadic {
namespace {

constexpr std::int64_t kGrain = 16384;
// Conversions between the input and the rounding kernel go through a buffer of this many elements.
constexpr std::int64_t kBuffer = 1024;

/// Sums body(begin, end) over the threads' parts of [0, n). `body` is a template argument so that rows shorter than a
/// grain, which the epilogues of products round one by one, cost a plain call.
template <typename Body>
RoundingCounts over_parts(std::int64_t n, const Body& body) {
  if (n <= kGrain) return n <= 0 ? RoundingCounts{} : body(std::int64_t{0}, n);
  std::vector<RoundingCounts> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end, int part) {
    parts[static_cast<std::size_t>(part)] = body(begin, end);
  });
  RoundingCounts counts;
  for (const RoundingCounts& part : parts) counts += part;
  return counts;
}

/// body(begin, length) for pieces of at most kBuffer elements of [begin, end).
template <typename Body>
void in_pieces(std::int64_t begin, std::int64_t end, const Body& body) {
  for (; begin < end; begin += kBuffer) body(begin, std::min(kBuffer, end - begin));
}

/// Whether stores of an output far larger than the caches should go around them depends on the machine: on some they
/// save a third of the traffic, on others they are slower than it. So the first large call writes one half either way,
/// and later ones do as the faster half did. The bits are the same.
class StoreChoice {
 public:
  static constexpr std::int64_t kLeastElements = 12 << 20;

  /// Calls round(first, length, stream) for [0, n) in one piece or two.
  template <typename Round>
  static RoundingCounts run(std::int64_t n, const Round& round) {
    if (choice != Choice::unknown) return round(0, n, choice == Choice::stream);
    const std::int64_t half = n / 2 / kGrain * kGrain;
    const auto start = std::chrono::steady_clock::now();
    RoundingCounts counts = round(0, half, true);
    const auto middle = std::chrono::steady_clock::now();
    counts += round(half, n - half, false);
    const auto end = std::chrono::steady_clock::now();
    choice = (middle - start) * (n - half) < (end - middle) * half ? Choice::stream : Choice::store;
    return counts;
  }

 private:
  enum class Choice { unknown, store, stream };
  static inline std::atomic<Choice> choice = Choice::unknown;
};

template <typename T>
T* at(T* codes, const Format& format, std::int64_t i) {
  using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
  return static_cast<Byte*>(codes) + i * code_bytes(code_type(format));
}

/// float32 values in a buffer, rounded to the codes of elements begin, begin + 1, ...
void round_buffer(const RoundTier& tier, const RoundPlan& plan, const float* buffer, std::int64_t n,
                  const RoundingRandom& random, void* codes, RoundingCounts& counts) {
  RoundJob job;
  job.input = buffer;
  job.n = n;
  job.output = codes;
  job.random = random;
  tier.round(plan, job, counts);
}

bool reads_exactly(const RoundPlan& plan, const Format& format) {
  return plan.reads && (!plan.grid || format.width <= 24 || format.scale != 1.0F);
}

/// 16-bit codes that are integers times a power of two as they stand.
bool is_plain_short(const Format& format) {
  return format.is_dyadic_grid() && code_type(format) == CodeType::i16 && format.code_multiplier == 1 &&
         format.code_offset == 0;
}

}  // namespace

RoundingCounts& RoundingCounts::operator+=(const RoundingCounts& other) {
  elements += other.elements;
  largest += other.largest;
  half_range += other.half_range;
  overflowed += other.overflowed;
  zeros += other.zeros;
  nonfinite += other.nonfinite;
  return *this;
}

const RoundTier* active_round_tier() {
  const Isa isa = active_isa();
  return isa >= Isa::avx512 ? &avx512::kRoundTier : isa == Isa::avx2 ? &avx2::kRoundTier : nullptr;
}

RoundingCounts quantize(const float* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random) {
  return round_sums(values, n, nullptr, format, codes, random);
}

RoundingCounts round_sums(const float* sums, std::int64_t n, const float* bias, const Format& format, void* codes,
                          const RoundingRandom& random) {
  const RoundTier* tier = active_round_tier();
  const RoundPlan& plan = round_plan(format);
  const bool fast = tier != nullptr && plan.rounds;
  return over_parts(n, [&](std::int64_t begin, std::int64_t end) {
    RoundingCounts counts;
    void* out = at(codes, format, begin);
    if (fast) {
      RoundJob job;
      job.input = sums + begin;
      job.bias = bias == nullptr ? nullptr : bias + begin;
      job.n = end - begin;
      job.output = out;
      job.random = random.from(begin);
      tier->round(plan, job, counts);
    } else if (bias == nullptr) {
      counts = ref::quantize(sums + begin, end - begin, format, out, random.from(begin));
    } else {
      in_pieces(begin, end, [&](std::int64_t first, std::int64_t length) {
        std::array<float, kBuffer> buffer;
        for (std::int64_t i = 0; i < length; ++i)
          buffer[static_cast<std::size_t>(i)] = sums[first + i] + bias[first + i];
        counts += ref::quantize(buffer.data(), length, format, at(codes, format, first), random.from(first));
      });
    }
    return counts;
  });
}

RoundingCounts quantize(const double* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random) {
  const RoundTier* tier = active_round_tier();
  const RoundPlan& plan = round_plan(format);
  const bool fast = tier != nullptr && plan.rounds;
  const bool direct = fast && plan.grid && !plan.divides;
  // To float32 by one native rounding, if that is all that is asked; else rounded to odd, which a second rounding to
  // two bits less cannot tell from the double; but for overflow in directed modes, where float32's largest number
  // stands for all beyond it. An affine scale divides a float32 by definition.
  const bool is_float32 = !plan.grid && plan.same_exponents && plan.mantissa_bits == 23;
  const bool native = fast && (plan.divides || (is_float32 && format.rounding == Rounding::rne));
  const bool to_odd = fast && !plan.grid && plan.mantissa_bits <= 21 && plan.random == RandomKind::none &&
                      (!plan.same_exponents || format.rounding < Rounding::rtz);
  return over_parts(n, [&](std::int64_t begin, std::int64_t end) {
    RoundingCounts counts;
    void* out = at(codes, format, begin);
    if (direct) {
      RoundJob job;
      job.source = RoundSource::f64;
      job.input = values + begin;
      job.n = end - begin;
      job.output = out;
      job.random = random.from(begin);
      tier->round(plan, job, counts);
    } else if (native || to_odd) {
      in_pieces(begin, end, [&](std::int64_t first, std::int64_t length) {
        alignas(64) std::array<float, kBuffer> buffer;
        tier->narrow(values + first, length, to_odd, buffer.data());
        round_buffer(*tier, plan, buffer.data(), length, random.from(first), at(codes, format, first), counts);
      });
    } else {
      counts = ref::quantize(values + begin, end - begin, format, out, random.from(begin));
    }
    return counts;
  });
}

void dequantize(const void* codes, std::int64_t n, const Format& format, float* values) {
  const RoundTier* tier = active_round_tier();
  const RoundPlan& plan = round_plan(format);
  const bool fast = tier != nullptr && plan.reads;
  over_parts(n, [&](std::int64_t begin, std::int64_t end) {
    const void* in = at(codes, format, begin);
    if (fast) tier->dequantize(plan, code_type(format), in, end - begin, values + begin);
    else ref::dequantize(in, end - begin, format, values + begin);
    return RoundingCounts{};
  });
}

RoundingCounts round_values(const float* values, std::int64_t n, const Format& format, float* out,
                            const RoundingRandom& random) {
  const RoundTier* tier = active_round_tier();
  const RoundPlan& plan = round_plan(format);
  if (tier == nullptr || !plan.rounds) {
    return over_parts(n, [&](std::int64_t begin, std::int64_t end) {
      return ref::round_values(values + begin, end - begin, format, out + begin, random.from(begin));
    });
  }
  const auto round_range = [&](std::int64_t first, std::int64_t length, bool stream) {
    return over_parts(length, [&](std::int64_t begin, std::int64_t end) {
      RoundingCounts counts;
      RoundJob job;
      job.input = values + first + begin;
      job.n = end - begin;
      job.values = true;
      job.stream = stream;
      job.output = out + first + begin;
      job.random = random.from(first + begin);
      tier->round(plan, job, counts);
      return counts;
    });
  };
  const bool may_stream = values != out && reinterpret_cast<std::uintptr_t>(out) % kAlignment == 0;
  if (!may_stream || n < StoreChoice::kLeastElements) return round_range(0, n, false);
  return StoreChoice::run(n, round_range);
}

RoundingCounts requantize(const void* from_codes, const Format& from, std::int64_t n, const Format& to, void* to_codes,
                          const RoundingRandom& random) {
  const RoundTier* tier = active_round_tier();
  const RoundPlan& from_plan = round_plan(from);
  const RoundPlan& target = round_plan(to);
  const RoundPlan& to_plan = from.is_dyadic_grid() ? plan_for_multiples(target, from.step_exponent) : target;
  const bool through_float = tier != nullptr && to_plan.rounds && reads_exactly(from_plan, from);
  const bool integers = tier != nullptr && to_plan.rounds && to_plan.grid && !to_plan.divides && is_plain_short(from);
  return over_parts(n, [&](std::int64_t begin, std::int64_t end) {
    if (integers) {
      RoundingCounts counts;
      RoundJob job;
      job.source = RoundSource::i16;
      job.input = at(from_codes, from, begin);
      job.n = end - begin;
      job.exponent = from.step_exponent;
      job.output = at(to_codes, to, begin);
      job.random = random.from(begin);
      tier->round(to_plan, job, counts);
      return counts;
    }
    if (!through_float) {
      return ref::requantize(at(from_codes, from, begin), from, end - begin, to, at(to_codes, to, begin),
                             random.from(begin));
    }
    RoundingCounts counts;
    in_pieces(begin, end, [&](std::int64_t first, std::int64_t length) {
      alignas(64) std::array<float, kBuffer> buffer;
      tier->dequantize(from_plan, code_type(from), at(from_codes, from, first), length, buffer.data());
      round_buffer(*tier, to_plan, buffer.data(), length, random.from(first), at(to_codes, to, first), counts);
    });
    return counts;
  });
}

RoundingCounts count_codes(const void* codes, std::int64_t n, const Format& format) {
  const RoundTier* tier = active_round_tier();
  const RoundPlan& plan = round_plan(format);
  const bool fast = tier != nullptr && plan.reads;
  return over_parts(n, [&](std::int64_t begin, std::int64_t end) {
    RoundingCounts counts;
    std::int64_t done = 0;
    if (fast) done = tier->count_codes(plan, code_type(format), at(codes, format, begin), end - begin, counts);
    counts += ref::count_codes(at(codes, format, begin + done), end - begin - done, format);
    return counts;
  });
}

}  // namespace dyadic
