// Tensors in safetensors files. What the file calls the data is the nearest thing that other tools know, what dyadic
// knows is in the metadata entry "tensor.NAME", a JSON object of the format's full name, parameters included, and the
// logical shape: {"format":"dfx12@-3:sat:rna","shape":[1200,784]}. A format is stored by name, never by enum number.
//
//   float32, float16, bfloat16, float8_e4m3fn, float8_e5m2        F32, F16, BF16, F8_E4M3, F8_E5M2 and the real shape
//   grids of 8, 16 or 32 bits (int8, uint8, int16, q8.8, ...)     I8, U8, I16, U16, I32, U32 and the real shape: codes
//   everything else                                               U8 of shape [packed bytes] (dyadic/formats/packing.h)
//   block formats: codes as above, and NAME.exponents             I8 of shape [blocks]
//   ternary, if asked for: "packing":"trits" in the metadata      U8 of shape [packed bytes] (dyadic/formats/trits.h)
//
// A 12-bit master and its 10-bit momentum thus take 22 bits per parameter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dyadic/io/safetensors.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

inline constexpr std::string_view kExponentsSuffix = ".exponents";

enum class Packing : std::uint8_t { bits, trits };

/// Appends `tensor` to `file` under `name`. Throws UsageError if the format cannot be stored (`exact`, one that its
/// name does not spell out, or in trits one that is not ternary) or a code is not one of the format's.
void pack_tensor(SafetensorsFile& file, const std::string& name, const Tensor& tensor, Packing packing = Packing::bits);

/// The tensor that pack_tensor() stored: same shape, format and codes. Throws FileFormatError naming `path` and `name`
/// if it is not there, if dtype, shape or size contradict the format, or if a code is not one of the format's.
Tensor unpack_tensor(const SafetensorsFile& file, const std::string& name, const std::string& path);

}  // namespace dyadic
