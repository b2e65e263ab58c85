#include "dyadic/kernels/state_transition.h"

#include <algorithm>
#include <cmath>

#include "dyadic/base/math.h"
#include "dyadic/kernels/philox.h"

namespace dyadic {
namespace {

constexpr std::int64_t kWords = 1024;  // random ones at a time

/// word < floor(tanh32(x) 2^32). Most words are so far above x 2^32, which tanh is below, that it need not be computed:
/// the margin is more than the rounding of x and of tanh32 can make.
bool moves_on(float x, std::uint32_t word) {
  if (static_cast<double>(word) >= static_cast<double>(x) * (0x1p32 + 0x1p12) + 1.0) return false;
  return word < static_cast<std::uint64_t>(static_cast<double>(tanh32(x)) * 0x1p32);
}

template <typename Code>
std::int64_t move_codes(const StateTransition& transition, std::int64_t first, std::int64_t n, const float* wanted,
                        Code* codes) {
  const Format& format = transition.format;
  const auto top = static_cast<std::int64_t>(format.max_code);
  const float step = static_cast<float>(std::ldexp(
      static_cast<double>(format.code_multiplier) * static_cast<double>(format.scale), format.step_exponent));
  const auto factor = static_cast<float>(transition.factor);
  std::int64_t nan = 0;
  std::uint32_t words[kWords];
  std::int64_t known = 0;       // elements whose words are there
  std::int64_t first_word = 0;  // of element i at words[first_word + i]
  for (std::int64_t i = 0; i < n; ++i) {
    if (i == known) {
      const auto index = static_cast<std::uint64_t>(first + i);
      const auto skipped = static_cast<std::int64_t>(index % 4);
      known = std::min(n, i + kWords - skipped);
      random_blocks(transition.words, index / 4, (skipped + known - i + 3) / 4, words);
      first_word = skipped - i;
    }
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
    moves = std::min(room, moves + (moves_on(factor * part / step, words[first_word + i]) ? 1 : 0));
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
