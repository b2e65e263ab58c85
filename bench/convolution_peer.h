// oneDNN's int8 convolution as a peer: s8 pictures and weights, s32 results, NHWC, weights laid out by oneDNN before
// the clock runs. bench/CMakeLists.txt picks convolution_peer.cc, or convolution_peer_missing.cc where oneDNN is not
// there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dyadic/kernels/convolution.h"

namespace dyadic {

class ConvolutionPeer {
 public:
  ConvolutionPeer();
  ~ConvolutionPeer();
  ConvolutionPeer(const ConvolutionPeer&) = delete;
  ConvolutionPeer& operator=(const ConvolutionPeer&) = delete;

  void prepare(const ConvolutionShape& shape, const std::byte* x, const std::byte* w);
  /// Processor seconds of one forward convolution on one thread; 0 if the peer is missing.
  double run();
  /// How the peer's last result compares with exact sums: it is not exact on every processor.
  [[nodiscard]] std::string compare(const std::vector<std::int64_t>& sums) const;

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace dyadic
