// libFuzzer target: any bytes through the .npy reader. Allowed are FileFormatError and an answer; an array that is
// accepted must survive writing and reading, bit by bit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "dyadic/base/error.h"
#include "dyadic/io/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const dyadic::NpyArray array = dyadic::parse_npy(std::as_bytes(std::span(data, size)), "fuzz");
    const auto serialize = [](const dyadic::NpyArray& one) {
      return std::visit(
          [&one]<typename T>(const std::vector<T>& values) { return dyadic::serialize_npy<T>(one.shape, values); },
          one.values);
    };
    const auto bytes = serialize(array);
    if (serialize(dyadic::parse_npy(bytes, "again")) != bytes) std::abort();
  } catch (const dyadic::FileFormatError&) {
  }
  return 0;
}
