#include "dyadic/kernels/state_transition.h"

#include <algorithm>
#include <cmath>

#include "dyadic/base/math.h"

namespace dyadic {
namespace {

template <typename Code>
std::int64_t move_codes(const StateTransition& transition, std::int64_t first, std::int64_t n, const float* wanted,
                        Code* codes) {
  const Format& format = transition.format;
  const auto top = static_cast<std::int64_t>(format.max_code);
  const float step = static_cast<float>(std::ldexp(
      static_cast<double>(format.code_multiplier) * static_cast<double>(format.scale), format.step_exponent));
  const auto factor = static_cast<float>(transition.factor);
  std::int64_t nan = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float change = wanted[i];
    if (!(change > 0 || change < 0)) {
      nan += std::isnan(change) ? 1 : 0;
      continue;
    }
    const std::int64_t state = codes[i];
    const std::int64_t room = change > 0 ? top - state : state;
    const float size = std::min(std::fabs(change), static_cast<float>(room) * step);
    std::int64_t moves = std::min(room, static_cast<std::int64_t>(size / step));
    const float part = std::max(0.0F, size - static_cast<float>(moves) * step);
    const auto limit = static_cast<std::uint64_t>(static_cast<double>(tanh32(factor * part / step)) * 0x1p32);
    const std::uint32_t word = random_bits(transition.words, static_cast<std::uint64_t>(first + i), 32);
    moves = std::min(room, moves + (word < limit ? 1 : 0));
    codes[i] = static_cast<Code>(change > 0 ? state + moves : state - moves);
  }
  return nan;
}

}  // namespace

std::int64_t move_states(const StateTransition& transition, std::int64_t first, std::int64_t n, const float* wanted,
                         void* codes) {
  if (code_bytes(code_type(transition.format)) == 1) {
    return move_codes(transition, first, n, wanted, static_cast<std::uint8_t*>(codes));
  }
  return move_codes(transition, first, n, wanted, static_cast<std::uint16_t*>(codes));
}

float tanh32(float x) {
  const double e = exp64(-2.0 * static_cast<double>(x));
  return static_cast<float>((1.0 - e) / (1.0 + e));
}

}  // namespace dyadic
