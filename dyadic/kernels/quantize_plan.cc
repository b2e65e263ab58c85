#include "dyadic/kernels/quantize_plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/quantize_ref.h"

namespace dyadic {
namespace {

constexpr std::uint32_t kAll = 0xFFFFFFFF;
constexpr std::uint32_t kHalf = 0x80000000;
// In vector kernels magnitudes beyond 2^30 may stand for anything larger still.
constexpr std::int64_t kMaxLimit = (1 << 30) - 1;

struct Thresholds {
  std::uint32_t threshold, negative_flip, odd_flip;
};

// By Rounding, rne .. ro. "fraction > half" keeps a tie, "fraction > half - 1" moves it; the two are each other's
// complement, and so are "always if inexact" (0) and "never".
constexpr std::array<Thresholds, 8> kThresholds = {{{kHalf, 0, kAll},
                                                    {kHalf - 1, 0, 0},
                                                    {kHalf, kAll, 0},
                                                    {kHalf - 1, kAll, 0},
                                                    {kAll, 0, 0},
                                                    {kAll, kAll, 0},
                                                    {0, kAll, 0},
                                                    {0, 0, kAll}}};

void plan_rounding(const Format& format, RoundPlan& plan) {
  plan.random_bits = random_bits_per_element(format.rounding);
  if (plan.random_bits == 0) {
    const Thresholds& row = kThresholds[static_cast<std::size_t>(format.rounding)];
    plan.threshold = row.threshold;
    plan.negative_flip = row.negative_flip;
    plan.odd_flip = row.odd_flip;
    // The parity of a discrete code is that of its index, which counts from -H.
    if (format.family == Family::discrete && (format.code_offset & 1) != 0) plan.threshold ^= plan.odd_flip;
    return;
  }
  plan.random = format.is_sign_symmetric() ? RandomKind::from_zero : RandomKind::from_lower;
  plan.random_offset = format.rounding == Rounding::srh ? 0x8000 : 0;
}

void plan_grid(const Format& format, RoundPlan& plan) {
  plan.grid = true;
  plan.divides = format.family == Family::affine && format.scale != 1.0F;
  plan.divisor = std::ldexp(format.scale, format.step_exponent);
  plan.unit = plan.divisor;
  plan.step_exponent = plan.divides ? 0 : format.step_exponent;
  plan.multiplier = static_cast<std::int32_t>(format.code_multiplier);
  plan.offset = static_cast<std::int32_t>(format.code_offset);
  plan.min_code = static_cast<std::int32_t>(format.min_code);
  plan.max_code = static_cast<std::int32_t>(format.max_code);
  plan.zero_code = format.code_multiplier == 1 ? static_cast<std::uint32_t>(plan.offset) : RoundPlan::kNever;
  if ((format.family == Family::fixed || format.family == Family::dynamic_fixed) && format.min_code < 0) {
    plan.half_range = 1U << (format.width - 2);
  }
  plan.zero_is_largest = format.code_offset == format.min_code || format.code_offset == format.max_code;
  const std::int64_t positive_limit = format.max_code - format.code_offset;
  const std::int64_t negative_limit = format.code_offset - format.min_code;
  plan.positive_limit = static_cast<std::uint32_t>(positive_limit);
  plan.negative_limit = static_cast<std::uint32_t>(negative_limit);
  const bool dyadic_step = format.scale == 1.0F && std::abs(format.step_exponent) <= 120;
  plan.reads = format.max_code <= std::numeric_limits<std::int32_t>::max();
  plan.rounds = format.code_multiplier == 1 && (dyadic_step || plan.divides) && positive_limit <= kMaxLimit &&
                negative_limit <= kMaxLimit;
}

RoundPlan::Special special(const Format& format, double positive) {
  RoundPlan::Special row;
  for (std::size_t sign = 0; sign < 2; ++sign) {
    const Encoded encoded = encode(format, sign == 0 ? positive : -positive);
    RoundingCounts counts;
    ref::count_code(format, encoded.code, counts);
    row.code[sign] = static_cast<std::uint32_t>(encoded.code);
    row.value[sign] = std::bit_cast<std::uint32_t>(static_cast<float>(decode(format, encoded.code)));
    row.zeros[sign] = static_cast<std::uint32_t>(counts.zeros);
    row.largest[sign] = static_cast<std::uint32_t>(counts.largest);
    row.half_range[sign] = static_cast<std::uint32_t>(counts.half_range);
    row.nonfinite[sign] = static_cast<std::uint32_t>(counts.nonfinite + (encoded.not_a_number ? 1 : 0));
  }
  return row;
}

void plan_floating(const Format& format, RoundPlan& plan) {
  // The kernels take a format that is a part of float32, with all its exponents or with so few that float32's
  // subnormals lie far below its least number.
  const int max_exponent = (1 << format.exponent_bits) - 1 - format.bias;
  plan.same_exponents = format.exponent_bits == 8 && format.bias == 127 && format.specials == Specials::ieee;
  const bool narrower = format.min_exponent() >= -64 && max_exponent <= 126;
  if (!format.has_zero || !format.is_signed || (!plan.same_exponents && !narrower)) return;
  const std::uint32_t largest_finite = max_finite_code(format);
  plan.mantissa_bits = format.mantissa_bits;
  plan.min_exponent = format.min_exponent();
  plan.width = format.width;
  plan.unsigned_zero = format.specials == Specials::uz;
  plan.nan_code = plan.unsigned_zero ? nan_code(format) : kAll;
  plan.infinity = format.has_infinity() ? infinity_code(format) : kAll;
  plan.largest_number = format.has_infinity() ? plan.infinity : largest_finite;
  plan.limit = static_cast<std::uint32_t>(clamp_code(format));
  plan.largest = largest_finite;
  if (format.has_range()) {
    plan.largest = static_cast<std::uint32_t>(power_of_two_code(format, format.range));
    plan.half_range = static_cast<std::uint32_t>(power_of_two_code(format, format.range - 1));
  }
  plan.notable = std::min({plan.limit + 1, plan.largest, plan.half_range});
  // Beyond 2^(104 + mantissa bits) the shortcut's anchor overflows.
  plan.notable_value = std::min(static_cast<float>(decode(format, std::min(plan.notable, largest_finite))),
                                std::ldexp(1.0F, std::min(104 + plan.mantissa_bits, 127)));
  plan.reads = true;
  plan.rounds = format.overflow != Overflow::error;
  if (!plan.rounds) return;
  plan.overflow = special(format, 0x1p900);
  plan.infinite = special(format, std::numeric_limits<double>::infinity());
  plan.nan = special(format, std::numeric_limits<double>::quiet_NaN());
}

/// Where the arithmetic of float32 can do the rounding (generic/round_fast-inl.h).
bool has_shortcut(const Format& format, const RoundPlan& plan) {
  const Rounding rounding = format.rounding;
  if (rounding == Rounding::rna && !plan.grid) return false;
  if (rounding != Rounding::rne && rounding != Rounding::rna && rounding != Rounding::sr16 &&
      rounding != Rounding::sr8) {
    return false;
  }
  constexpr std::uint32_t kExactInFloat = 1 << 22;
  if (plan.grid) {
    return !plan.zero_is_largest && std::max(plan.positive_limit, plan.negative_limit) < kExactInFloat &&
           (format.family != Family::discrete || (format.code_offset & 1) == 0);
  }
  // With all of float32's exponents, the unit of the random fraction would lie below its least number.
  const bool has_room = !plan.same_exponents || rounding == Rounding::rne;
  return has_room && !plan.unsigned_zero && (plan.same_exponents || plan.mantissa_bits <= 22);
}

RoundPlan make_round_plan(const Format& format) {
  RoundPlan plan;
  if (format.family == Family::exact) return plan;
  if (format.has_blocks()) {
    throw UsageError("format '" + format.name +
                     "' has an exponent for each block: it is for the roles *_update and *_moment");
  }
  plan.code_bytes = code_bytes(code_type(format));
  plan_rounding(format, plan);
  if (format.is_grid()) plan_grid(format, plan);
  else plan_floating(format, plan);
  if (format.overflow == Overflow::wrap || format.overflow == Overflow::error) plan.rounds = false;
  plan.shortcut = plan.rounds && has_shortcut(format, plan);
  const bool even_steps = format.family != Family::discrete || (format.code_offset & 1) == 0;
  plan.away = format.rounding == Rounding::rna;
  plan.nearest_sums = plan.rounds && plan.grid && !plan.divides && even_steps &&
                      (plan.away || format.rounding == Rounding::rne) && format.has_zero;
  if (plan.random != RandomKind::none && plan.grid && !plan.divides) {
    Format nearest = format;
    nearest.rounding = Rounding::rne;
    plan.nearest = std::make_shared<const RoundPlan>(make_round_plan(nearest));
  }
  plan.half = !plan.grid && format.is_signed && format.width == 16 && format.exponent_bits == 5 &&
              format.mantissa_bits == 10 && format.bias == 15 && format.specials == Specials::ieee;
  return plan;
}

}  // namespace

const RoundPlan& round_plan(const Format& format) {
  // Most recently used first. Entries have addresses of their own and only the oldest goes, so the plans of two formats
  // in use at once stay where they are.
  struct Entry {
    Format format;
    RoundPlan plan;
  };
  constexpr std::size_t kEntries = 64;
  thread_local std::vector<std::unique_ptr<Entry>> entries;
  const auto known = std::ranges::find_if(entries, [&](const std::unique_ptr<Entry>& entry) {
    return entry->format.range == format.range && entry->format.step_exponent == format.step_exponent &&
           entry->format == format;
  });
  if (known == entries.end()) {
    if (entries.size() == kEntries) entries.pop_back();
    entries.push_back(std::make_unique<Entry>(Entry{format, make_round_plan(format)}));
    std::rotate(entries.begin(), entries.end() - 1, entries.end());
  } else {
    std::rotate(entries.begin(), known, known + 1);
  }
  return entries.front()->plan;
}

}  // namespace dyadic
