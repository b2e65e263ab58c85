// oneDNN's matrix products as peers: s8 x s8 -> s32 and float32, weights laid out by oneDNN before the clock runs.
// bench/CMakeLists.txt picks product_peer.cc, or product_peer_missing.cc where oneDNN is not there.
#pragma once

#include <cstdint>
#include <memory>

namespace dyadic {

class ProductPeer {
 public:
  enum class Numbers { int8, float32 };

  ProductPeer();
  ~ProductPeer();
  ProductPeer(const ProductPeer&) = delete;
  ProductPeer& operator=(const ProductPeer&) = delete;

  /// [m, depth] times [depth, n], of small numbers.
  void prepare(Numbers numbers, std::int64_t m, std::int64_t n, std::int64_t depth);
  /// Processor seconds of one product on one thread; 0 if the peer is missing.
  double run();

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace dyadic
