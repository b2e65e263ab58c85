#include "dyadic/kernels/update_jobs.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "dyadic/tensor/tensor.h"

namespace dyadic {
namespace {

constexpr std::int64_t kMaxColumns = 16 * 32767;  // what counters in sixteen 16-bit lanes can hold

template <typename Predicate>
bool all_formats(const SgdUpdate& job, const Predicate& is) {
  return is(job.master_from) && is(job.master_to) && is(job.update_from) && is(job.update_to) &&
         is(job.gradient_format);
}

bool is_fused_grid(const Format& format) {
  const CodeType type = code_type(format);
  return format.is_dyadic_grid() && format.code_multiplier == 1 && format.code_offset == 0 &&
         format.overflow == Overflow::sat && (type == CodeType::i16 || type == CodeType::i32) &&
         (format.rounding == Rounding::rna || format.rounding == Rounding::rne);
}

/// -2^15 has no magnitude in 16-bit lanes.
bool is_short_grid(const Format& format) {
  return is_fused_grid(format) && code_type(format) == CodeType::i16 &&
         format.min_code > std::numeric_limits<std::int16_t>::min();
}

bool is_nearest_float(const Format& format) {
  return format.family == Family::floating && format.overflow == Overflow::inf && format.rounding == Rounding::rne;
}

bool is_float32(const Format& format) { return is_nearest_float(format) && code_type(format) == CodeType::f32; }

bool is_float16(const Format& format) {
  return is_nearest_float(format) && format.width == 16 && format.exponent_bits == 5 && format.mantissa_bits == 10 &&
         format.bias == 15 && format.specials == Specials::ieee && format.is_signed && !format.has_range();
}

}  // namespace

bool find_shifts(const SgdUpdate& job, UpdateShifts& shifts) {
  const int unit = std::min({job.master_from.step_exponent, job.update_to.step_exponent, job.master_to.step_exponent});
  shifts = {job.master_from.step_exponent - unit, job.update_to.step_exponent - unit,
            job.master_to.step_exponent - unit};
  if (shifts.master > 30 || shifts.update > 30 || shifts.right > 30) return false;
  const std::int64_t largest =
      (job.master_from.max_magnitude() << shifts.master) + (job.update_to.max_magnitude() << shifts.update);
  return largest + (std::int64_t{1} << shifts.right) <= std::numeric_limits<std::int32_t>::max();
}

double step_ratio(const Format& from, const Format& to) {
  return std::ldexp(1.0, from.step_exponent - to.step_exponent);
}

bool can_update_short(const SgdUpdate& job) {
  if (!all_formats(job, is_short_grid)) return false;
  UpdateShifts shifts;
  const double step_bound = std::fabs(job.momentum) * static_cast<double>(job.update_from.max_magnitude()) *
                                step_ratio(job.update_from, job.update_to) +
                            std::fabs(job.learning_rate) * static_cast<double>(job.gradient_format.max_magnitude()) *
                                step_ratio(job.gradient_format, job.update_to);
  const std::int64_t largest = job.master_to.max_magnitude();
  return job.master_to.rounding == job.update_to.rounding && job.columns <= kMaxColumns && step_bound < 0x1p30 &&
         find_shifts(job, shifts) &&
         largest * largest * (job.columns / 8 + 2) <= std::numeric_limits<std::int32_t>::max();
}

bool can_update_grids(const SgdUpdate& job) {
  const auto largest = static_cast<double>(job.master_to.max_magnitude());
  return all_formats(job, is_fused_grid) && job.master_to.rounding == job.update_to.rounding &&
         code_type(job.master_from) == code_type(job.master_to) &&
         code_type(job.update_from) == code_type(job.update_to) &&
         largest * largest * static_cast<double>(job.columns) < 0x1p53;
}

bool can_update_floats(const SgdUpdate& job) { return all_formats(job, is_float32); }
bool can_update_halves(const SgdUpdate& job) { return all_formats(job, is_float16); }

GridTarget grid_target(const Format& format) {
  GridTarget target = {static_cast<double>(format.min_code), static_cast<double>(format.max_code), 0, 0};
  target.overflow_high = target.high + 0.5;  // max_code is odd, so a tie leaves the grid under rne too
  target.overflow_low = target.low - 0.5;
  const bool tie_stays = format.rounding == Rounding::rne && format.min_code % 2 == 0;
  if (tie_stays) target.overflow_low = std::nextafter(target.overflow_low, -std::numeric_limits<double>::infinity());
  return target;
}

float clamp_limit(const Format& format) {
  return format.has_range() ? std::ldexp(1.0F, format.range) : std::numeric_limits<float>::infinity();
}

float largest_value(const Format& format) {
  return format.has_range() ? std::ldexp(1.0F, format.range) : std::numeric_limits<float>::max();
}

}  // namespace dyadic
