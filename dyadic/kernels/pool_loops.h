// The innermost loops of pooling: over `count` neighbouring channels of one element of a window. Branch-free, so that
// compilers turn them into vectors.
#pragma once

#include <cstdint>

namespace dyadic::pool {

/// Channels of a stretch: their state stays in the nearest cache.
inline constexpr std::int64_t kStretch = 64;

template <typename Code, typename Order, typename Ordered>
inline void begin_order(const Code* codes, int count, Order order, Ordered* best) {
  for (int c = 0; c < count; ++c) best[c] = order(codes[c]);
}

template <typename Code, typename Order, typename Ordered>
inline void begin_maximum(const Code* codes, int count, Order order, Code* winner, Ordered* best) {
  for (int c = 0; c < count; ++c) winner[c] = codes[c];
  begin_order(codes, count, order, best);
}

/// Strictly larger: the first of equals stays.
template <typename Code, typename Order, typename Ordered>
inline void take_larger(const Code* __restrict codes, int count, Order order, Code* __restrict winner,
                        Ordered* __restrict best) {
  for (int c = 0; c < count; ++c) {
    const Ordered ordered = order(codes[c]);
    winner[c] = ordered > best[c] ? codes[c] : winner[c];
    best[c] = ordered > best[c] ? ordered : best[c];
  }
}

template <typename Code, typename Order, typename Ordered>
inline void raise(const Code* __restrict codes, int count, Order order, Ordered* __restrict best) {
  for (int c = 0; c < count; ++c) {
    const Ordered ordered = order(codes[c]);
    best[c] = ordered > best[c] ? ordered : best[c];
  }
}

/// marks[c] becomes open[c] where the element is its window's maximum, else 0.
template <typename Code, typename Order, typename Ordered>
inline void mark(const Code* __restrict codes, const Ordered* __restrict best, const std::uint8_t* __restrict open,
                 int count, Order order, std::uint8_t* __restrict marks) {
  for (int c = 0; c < count; ++c) {
    const int wins = static_cast<int>(order(codes[c]) == best[c]) & static_cast<int>(!Order::is_nan(best[c]));
    marks[c] = wins != 0 ? open[c] : std::uint8_t{0};
  }
}

/// A marked element leaves nothing to those after it.
inline void close(const std::uint8_t* __restrict marks, int count, std::uint8_t* __restrict open) {
  for (int c = 0; c < count; ++c) open[c] = static_cast<std::uint8_t>(open[c] & ~marks[c]);
}

template <typename Code, typename Limit>
inline void unmark_at_limit(const Code* __restrict codes, int count, const Limit& at_limit,
                            std::uint8_t* __restrict marks) {
  for (int c = 0; c < count; ++c) marks[c] = at_limit(codes[c]) ? std::uint8_t{0} : marks[c];
}

/// Adding +0 leaves every sum as it is: none is -0, because sums begin at +0 and float additions do not underflow.
template <typename Sum>
inline void send(const std::uint8_t* __restrict marks, const Sum* __restrict gradient, int count,
                 Sum* __restrict sums) {
  for (int c = 0; c < count; ++c) sums[c] += marks[c] != 0 ? gradient[c] : Sum{0};
}

/// sums[c] += codes of `elements` pixels, `stride` codes apart.
template <typename Code>
inline void add_codes(const Code* __restrict codes, std::int64_t elements, std::int64_t stride, int count,
                      std::int64_t* __restrict sums) {
  for (std::int64_t i = 0; i < elements; ++i, codes += stride) {
    for (int c = 0; c < count; ++c) sums[c] += static_cast<std::int64_t>(codes[c]);
  }
}

}  // namespace dyadic::pool
