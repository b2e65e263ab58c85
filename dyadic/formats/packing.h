// Codes as files hold them: w bits each, w = Format::width in 1..32, least significant bit first. Code i occupies bits
// i*w .. i*w+w-1 of the byte string, where bit j is bit j mod 8 of byte j div 8; the unused bits of the last byte are
// zero. Codes of 8, 16 and 32 bits are therefore ordinary little-endian integers. In memory a code takes the whole
// CodeType of its format (format.h): signed types hold two's complement, whose low w bits are stored and sign-extended
// when read back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dyadic/formats/format.h"

namespace dyadic {

/// Bytes that `count` codes of `width` bits take. Throws UsageError unless 1 <= width <= 32, ShapeError when the size
/// does not fit.
std::int64_t packed_bytes(std::int64_t count, int width);

/// Packs codes[count], unpacked codes of `format`, into `packed`, which must be exactly packed_bytes(count, width) long
/// (UsageError). Codes must lie within the format (first_invalid_code). Deterministic.
void pack_codes(const void* codes, const Format& format, std::int64_t count, std::span<std::byte> packed);

/// The inverse. Throws FileFormatError if `packed` has another length than packed_bytes(count, width) or if a bit after
/// the last code is set. Whether each code is one of the format's is the caller's question to first_invalid_code.
void unpack_codes(std::span<const std::byte> packed, const Format& format, std::int64_t count, void* codes);

/// Codes [first, first + count) of a packed string of codes of `format`, read or written where they lie. `first` and,
/// when writing, `first + count` are multiples of 8 or the end of the string, so that no byte is shared with
/// neighbours; the string is long enough. No checks.
void unpack_stretch(std::span<const std::byte> packed, const Format& format, std::int64_t first, std::int64_t count,
                    void* codes);
void pack_stretch(const void* codes, const Format& format, std::int64_t first, std::int64_t count,
                  std::span<std::byte> packed);

/// Index of the first of codes[count] that is no code of `format` (a grid's limits, a float's width); -1 if none. Files
/// can hold such codes: ternary uses three of four, symmetric formats all but one.
std::int64_t first_invalid_code(const void* codes, const Format& format, std::int64_t count);

}  // namespace dyadic
