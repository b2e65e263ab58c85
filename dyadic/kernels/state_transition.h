// Discrete state transition (Deng et al. 2018; docs/numerics.md): weights that are states of a discrete space and
// nothing else. A wanted change of w, in float32, is limited to the distance to the border in its direction; with L
// the distance of two states, k = trunc(w / L) and v = w - k L, the state moves k steps, and one more in the same
// direction iff its random word is below floor(p 2^32), p = tanh32(m |v| / L). A wanted change of 0 moves nothing.
#pragma once

#include <cstdint>

#include "dyadic/base/philox.h"
#include "dyadic/formats/format.h"

namespace dyadic {

struct StateTransition {
  Format format;       // discrete, z0 to z8
  double factor = 3;   // m
  RandomStream words;  // 32 bits for element i, purpose state_transition
};

/// Moves codes[i], element first + i of a tensor of that format, by wanted[i], for i below n. Elements are independent
/// of each other. Returns how many wanted changes are NaN: those move nothing.
std::int64_t move_states(const StateTransition& transition, std::int64_t first, std::int64_t n, const float* wanted,
                         void* codes);

/// tanh of x >= 0: (1 - e^-2x) / (1 + e^-2x) in float64, rounded to float32.
float tanh32(float x);

}  // namespace dyadic
