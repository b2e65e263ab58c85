// libFuzzer target: any bytes through the MATLAB reader. Allowed are FileFormatError and arrays whose values are all
// there.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "dyadic/base/error.h"
#include "dyadic/data/mat.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    dyadic::MatReader reader{dyadic::FileStream("fuzz", {data, size})};
    while (const auto array = reader.next()) {
      const std::int64_t count = dyadic::element_count(array->shape);
      if (count < 0 || count > dyadic::kMostMatValues) std::abort();
      std::array<std::uint8_t, 1000> piece;
      // The second half is left to next(), which has to skip it.
      for (std::int64_t left = count / 2; left > 0;) {
        const auto now = static_cast<std::size_t>(std::min<std::int64_t>(left, piece.size()));
        reader.read(std::span(piece).first(now));
        left -= static_cast<std::int64_t>(now);
      }
    }
  } catch (const dyadic::FileFormatError&) {
  }
  return 0;
}
