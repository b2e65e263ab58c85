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

/// Adding +0 leaves every sum as it is: none is -0, because sums begin at +0 and float additions do not underflow.
template <typename Code, typename Order, typename Ordered, typename Sum>
inline void send(const Code* __restrict codes, const Ordered* __restrict best, const Sum* __restrict gradient,
                 int count, Order order, Sum* __restrict sums) {
  for (int c = 0; c < count; ++c) {
    const Sum sent = gradient[c];  // loaded whether it is kept or not: a load in a branch makes no vectors
    sums[c] += order.equals(codes[c], best[c]) ? sent : Sum{0};
  }
}

/// A winner leaves nothing to send for those after it.
template <typename Code, typename Order, typename Ordered, typename Sum>
inline void close(const Code* __restrict codes, const Ordered* __restrict best, int count, Order order,
                  Sum* __restrict gradient) {
  for (int c = 0; c < count; ++c) {
    const Sum sent = gradient[c];
    gradient[c] = order.equals(codes[c], best[c]) ? Sum{0} : sent;
  }
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
