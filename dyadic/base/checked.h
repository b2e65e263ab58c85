// Size arithmetic on numbers that came from a file or a user.
#pragma once

#include <cstdint>
#include <string>

#include "dyadic/base/error.h"

namespace dyadic {

/// a * b; throws ShapeError naming `what` when it does not fit in int64 or a factor is negative.
inline std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* what) {
  std::int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    throw ShapeError(std::string(what) + ": size " + std::to_string(a) + " x " + std::to_string(b) + " does not fit");
  }
  return product;
}

}  // namespace dyadic
