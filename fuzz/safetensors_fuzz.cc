// libFuzzer target: any bytes through the safetensors reader and, where they parse, through unpack_tensor. Allowed are
// FileFormatError and an answer; a file that is accepted must survive writing and reading.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "dyadic/base/error.h"
#include "dyadic/io/stored_tensor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  dyadic::SafetensorsFile file;
  try {
    dyadic::parse_safetensors(bytes, "fuzz", dyadic::Checksum::required);
  } catch (const dyadic::FileFormatError&) {  // nearly always: nobody guesses a SHA-256
  }
  try {
    file = dyadic::parse_safetensors(bytes, "fuzz", dyadic::Checksum::ignored);
  } catch (const dyadic::FileFormatError&) {
    return 0;
  }
  file.metadata.erase("sha256");
  if (dyadic::parse_safetensors(dyadic::serialize_safetensors(file), "again") != file) std::abort();
  for (const dyadic::StoredTensor& stored : file.tensors) {
    try {
      const dyadic::Tensor tensor = dyadic::unpack_tensor(file, stored.name, "fuzz");
      dyadic::SafetensorsFile packed;
      dyadic::pack_tensor(packed, stored.name, tensor);
      if (packed.tensors.front() != stored) std::abort();
    } catch (const dyadic::FileFormatError&) {
    }
  }
  return 0;
}
