// Codes of ternary, 0, 1 and 2, five to a byte: 3^5 = 243 of its 256 values, 1.6 bits for 1.58. Code i is the digit of
// 3^(i mod 5) of byte i div 5; the digits that the last byte lacks are zero. What dyadic/formats/packing.h does with
// two bits, in four fifths of the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dyadic {

/// Bytes that `count` codes take. Throws ShapeError if count is negative.
std::int64_t trit_bytes(std::int64_t count);

/// Packs codes[count], 0, 1 or 2 each, into trit_bytes(count) bytes. Throws UsageError for another length or code.
void pack_trits(std::span<const std::uint8_t> codes, std::span<std::byte> packed);

/// The inverse. Throws FileFormatError if `packed` has another length than trit_bytes(codes.size()), for a byte above
/// 242, naming it and its place, and if a digit after the last code is not zero.
void unpack_trits(std::span<const std::byte> packed, std::span<std::uint8_t> codes);

}  // namespace dyadic
