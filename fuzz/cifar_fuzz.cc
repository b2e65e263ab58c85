// libFuzzer target: any bytes, plain, gzip or xz, as one record of CIFAR-10. Allowed are FileFormatError and exactly
// one example with a label below 10.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/data/cifar.h"
#include "dyadic/data/file_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> pixels(dyadic::kCifarPixels);
  std::vector<std::uint8_t> labels(1, 99);
  try {
    dyadic::FileStream stream("fuzz", {data, size});
    dyadic::read_cifar_batch(
        "fuzz", [&stream](std::span<std::uint8_t> out) { return stream.read_some(out); }, 10, pixels, labels);
    stream.expect_end();
    if (labels[0] >= 10) std::abort();
    if (!stream.compressed() && (size != 3073 || pixels[0] != data[1] || pixels[2] != data[1 + 2048])) std::abort();
  } catch (const dyadic::FileFormatError&) {
  }
  return 0;
}
