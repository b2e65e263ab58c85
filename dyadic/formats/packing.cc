#include "dyadic/formats/packing.h"

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"

namespace dyadic {
namespace {

static_assert(std::endian::native == std::endian::little, "packed words are copied as they lie in memory");

template <typename T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void store(std::byte* bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

/// Calls body(T{}) with the integer type of one unpacked code.
template <typename Body>
auto for_code_type(CodeType type, const Body& body) {
  switch (type) {
    case CodeType::i8: return body(std::int8_t{});
    case CodeType::u8: return body(std::uint8_t{});
    case CodeType::i16: return body(std::int16_t{});
    case CodeType::u16: return body(std::uint16_t{});
    case CodeType::i32: return body(std::int32_t{});
    default: return body(std::uint32_t{});
  }
}

constexpr std::uint64_t low_bits(int width) { return (std::uint64_t{1} << width) - 1; }

template <typename T>
void pack(const std::byte* codes, int width, std::int64_t count, std::byte* packed) {
  const std::uint64_t mask = low_bits(width);
  std::uint64_t pending = 0;  // fewer than 32 bits between two codes, so one more code always fits
  int pending_bits = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto code = static_cast<std::uint64_t>(load<T>(codes + i * static_cast<std::int64_t>(sizeof(T))));
    pending |= (code & mask) << pending_bits;
    pending_bits += width;
    if (pending_bits < 32) continue;
    store(packed, static_cast<std::uint32_t>(pending));
    packed += 4;
    pending >>= 32;
    pending_bits -= 32;
  }
  for (; pending_bits > 0; pending_bits -= 8) {
    *packed++ = static_cast<std::byte>(pending);
    pending >>= 8;
  }
}

template <typename T>
void unpack(const std::byte* packed, std::int64_t packed_size, int width, std::int64_t count, std::byte* codes) {
  const int spare = 64 - width;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t bit = i * width;
    const std::int64_t byte = bit / 8;
    std::uint64_t word = 0;
    if (byte + 8 <= packed_size) word = load<std::uint64_t>(packed + byte);
    else std::memcpy(&word, packed + byte, static_cast<std::size_t>(packed_size - byte));
    word = (word >> (bit % 8)) << spare;
    const auto code =
        std::is_signed_v<T> ? static_cast<T>(static_cast<std::int64_t>(word) >> spare) : static_cast<T>(word >> spare);
    store(codes + i * static_cast<std::int64_t>(sizeof(T)), code);
  }
}

}  // namespace

std::int64_t packed_bytes(std::int64_t count, int width) {
  if (width < 1 || width > 32) {
    throw UsageError("packed codes: " + std::to_string(width) + " bits per code are outside 1..32");
  }
  const std::int64_t bits = checked_multiply(count, width, "packed codes");
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

void pack_codes(const void* codes, const Format& format, std::int64_t count, std::span<std::byte> packed) {
  const std::int64_t size = packed_bytes(count, format.width);
  if (static_cast<std::int64_t>(packed.size()) != size) {
    throw UsageError("packed codes: " + std::to_string(packed.size()) + " bytes given for " + std::to_string(count) +
                     " codes of " + format.name + ", which take " + std::to_string(size));
  }
  if (count == 0) return;
  const CodeType type = code_type(format);
  const auto* bytes = static_cast<const std::byte*>(codes);
  if (format.width == 8 * code_bytes(type)) {
    std::memcpy(packed.data(), bytes, packed.size());
    return;
  }
  for_code_type(type, [&]<typename T>(T) { pack<T>(bytes, format.width, count, packed.data()); });
}

void unpack_codes(std::span<const std::byte> packed, const Format& format, std::int64_t count, void* codes) {
  const std::int64_t size = packed_bytes(count, format.width);
  if (static_cast<std::int64_t>(packed.size()) != size) {
    throw FileFormatError("packed codes: " + std::to_string(packed.size()) + " bytes, but " + std::to_string(count) +
                          " codes of " + format.name + " take " + std::to_string(size));
  }
  if (count == 0) return;
  const int used_bits = static_cast<int>((count * format.width) % 8);
  if (used_bits != 0 && std::to_integer<unsigned>(packed.back()) >> used_bits != 0) {
    throw FileFormatError("packed codes: bits after the last code of " + format.name + " are not zero");
  }
  const CodeType type = code_type(format);
  auto* bytes = static_cast<std::byte*>(codes);
  if (format.width == 8 * code_bytes(type)) {
    std::memcpy(bytes, packed.data(), packed.size());
    return;
  }
  for_code_type(type, [&]<typename T>(T) { unpack<T>(packed.data(), size, format.width, count, bytes); });
}

void unpack_stretch(std::span<const std::byte> packed, const Format& format, std::int64_t first, std::int64_t count,
                    void* codes) {
  // No further: another thread may be writing what comes next.
  const std::span<const std::byte> from = packed.subspan(static_cast<std::size_t>(first / 8 * format.width),
                                                         static_cast<std::size_t>(packed_bytes(count, format.width)));
  for_code_type(code_type(format), [&]<typename T>(T) {
    unpack<T>(from.data(), std::ssize(from), format.width, count, static_cast<std::byte*>(codes));
  });
}

void pack_stretch(const void* codes, const Format& format, std::int64_t first, std::int64_t count,
                  std::span<std::byte> packed) {
  std::byte* to = packed.data() + first / 8 * format.width;
  for_code_type(code_type(format),
                [&]<typename T>(T) { pack<T>(static_cast<const std::byte*>(codes), format.width, count, to); });
}

std::int64_t first_invalid_code(const void* codes, const Format& format, std::int64_t count) {
  const auto* bytes = static_cast<const std::byte*>(codes);
  const std::int64_t least = format.is_grid() ? format.min_code : 0;
  const std::int64_t most = format.is_grid() ? format.max_code : static_cast<std::int64_t>(low_bits(format.width));
  return for_code_type(code_type(format), [&]<typename T>(T) -> std::int64_t {
    const auto is_invalid = [&](std::int64_t i) {
      const auto code = static_cast<std::int64_t>(load<T>(bytes + i * static_cast<std::int64_t>(sizeof(T))));
      return code < least || code > most;
    };
    for (std::int64_t i = 0; i < count; ++i) {
      if (is_invalid(i)) return i;
    }
    return -1;
  });
}

}  // namespace dyadic
