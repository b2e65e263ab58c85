// Values of codes in float64, in which every format of at most 32 bits is exact: what float islands read.
#pragma once

#include <cstdint>

#include "dyadic/formats/format.h"

namespace dyadic {

/// values[i] = value of code `first` + i. Exact but for affine and discrete formats whose scale is no power of two:
/// their values are float32 numbers (decode() in codec.h). Throws UsageError for block formats: elements.h reads those.
void decode_values(const void* codes, const Format& format, std::int64_t first, std::int64_t n, double* values);

/// steps[i] = code_multiplier * code - code_offset of code `first` + i of a grid: the value in steps.
void decode_steps(const void* codes, const Format& format, std::int64_t first, std::int64_t n, std::int64_t* steps);

}  // namespace dyadic
