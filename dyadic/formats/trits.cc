#include "dyadic/formats/trits.h"

#include <string>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

constexpr std::size_t kDigits = 5;
constexpr unsigned kMostByte = 242;  // 3^5 - 1

std::string lengths_text(std::size_t bytes, std::size_t codes) {
  return "trits: " + std::to_string(bytes) + " bytes, but " + std::to_string(codes) + " codes take " +
         std::to_string(trit_bytes(static_cast<std::int64_t>(codes)));
}

bool has_length(std::size_t bytes, std::size_t codes) {
  return static_cast<std::int64_t>(bytes) == trit_bytes(static_cast<std::int64_t>(codes));
}

}  // namespace

std::int64_t trit_bytes(std::int64_t count) {
  if (count < 0) throw ShapeError("trits: a count of " + std::to_string(count));
  constexpr auto kCodes = static_cast<std::int64_t>(kDigits);
  return count / kCodes + (count % kCodes != 0 ? 1 : 0);
}

void pack_trits(std::span<const std::uint8_t> codes, std::span<std::byte> packed) {
  if (!has_length(packed.size(), codes.size())) throw UsageError(lengths_text(packed.size(), codes.size()));
  for (std::size_t at = 0; at < packed.size(); ++at) {
    unsigned byte = 0;
    unsigned place = 1;
    for (std::size_t i = at * kDigits; i < codes.size() && i < (at + 1) * kDigits; ++i, place *= 3) {
      if (codes[i] > 2) throw UsageError("trits: element " + std::to_string(i) + " is " + std::to_string(codes[i]));
      byte += codes[i] * place;
    }
    packed[at] = static_cast<std::byte>(byte);
  }
}

void unpack_trits(std::span<const std::byte> packed, std::span<std::uint8_t> codes) {
  if (!has_length(packed.size(), codes.size())) throw FileFormatError(lengths_text(packed.size(), codes.size()));
  for (std::size_t at = 0; at < packed.size(); ++at) {
    auto rest = std::to_integer<unsigned>(packed[at]);
    if (rest > kMostByte) {
      throw FileFormatError("trits: byte " + std::to_string(at) + " is " + std::to_string(rest) + ", above " +
                            std::to_string(kMostByte));
    }
    for (std::size_t i = at * kDigits; i < codes.size() && i < (at + 1) * kDigits; ++i, rest /= 3) {
      codes[i] = static_cast<std::uint8_t>(rest % 3);
    }
    if (rest != 0 && (at + 1) * kDigits > codes.size()) {
      throw FileFormatError("trits: digits after the last code are not zero");
    }
  }
}

}  // namespace dyadic
