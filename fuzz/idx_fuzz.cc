// libFuzzer target: any bytes through the idx reader, plain or gzip, as images, as labels and as a pair. Allowed are
// FileFormatError and an answer; what is accepted must be exactly what its header declares, and be written back as it
// was read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "dyadic/base/error.h"
#include "dyadic/data/idx.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void read_once(std::span<const std::uint8_t> bytes, const dyadic::Shape& expected) {
  try {
    const dyadic::IdxArray array = dyadic::read_idx(dyadic::FileStream("fuzz", bytes), expected);
    require(static_cast<std::size_t>(dyadic::element_count(array.shape)) == array.values.size());
    const auto again = dyadic::idx_bytes(array.shape, array.values);
    const bool packed = dyadic::FileStream("fuzz", bytes).compressed();
    require(packed || std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    require(dyadic::read_idx(dyadic::FileStream("again", again), expected).values == array.values);
  } catch (const dyadic::FileFormatError&) {
  }
}

/// The first byte divides the rest into a file of labels and a file of images.
void read_pair(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::size_t labels_size = std::min<std::size_t>(bytes[0], bytes.size() - 1);
  const auto labels_bytes = bytes.subspan(1, labels_size);
  const auto images_bytes = bytes.subspan(1 + labels_size);
  try {
    auto labels = dyadic::read_idx(dyadic::FileStream("labels", labels_bytes), {0});
    auto images = dyadic::read_idx(dyadic::FileStream("images", images_bytes), {0, 2, 3});
    const auto set = dyadic::join_idx(std::move(images), "images", std::move(labels), "labels", {2, 3, 1}, 10);
    require(set.pixels.size() == set.labels.size() * 6);
    require(std::all_of(set.labels.begin(), set.labels.end(), [](std::uint8_t label) { return label < 10; }));
  } catch (const dyadic::FileFormatError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  read_once(bytes, {0, 0, 0});
  read_once(bytes, {0, 2, 3});
  read_once(bytes, {0});
  read_pair(bytes);
  return 0;
}
