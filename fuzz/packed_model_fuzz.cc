// libFuzzer target: any bytes as a packed model, without their checksum, which nobody guesses. Allowed are
// FileFormatError and a network.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dyadic/base/error.h"
#include "dyadic/convert/packed_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto file = dyadic::parse_safetensors(bytes, "fuzz", dyadic::Checksum::ignored);
    static_cast<void>(dyadic::parse_packed_file(file, "fuzz"));
  } catch (const dyadic::FileFormatError&) {
  }
  return 0;
}
