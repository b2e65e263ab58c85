#include "dyadic/formats/trits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"

namespace dyadic {
namespace {

std::vector<std::uint8_t> random_trits(std::size_t count) {
  std::vector<std::uint8_t> codes;
  for (std::size_t i = 0; i < count; ++i) {
    codes.push_back(static_cast<std::uint8_t>(random_bits({.seed = 8}, i, 32) % 3));
  }
  return codes;
}

template <typename E, typename Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  return "no such error";
}

TEST(Trits, FiveCodesAreTheDigitsOfAByte) {
  const std::vector<std::uint8_t> codes = {1, 0, 2, 0, 1, 2, 2};
  std::vector<std::byte> packed(2);
  pack_trits(codes, packed);
  EXPECT_EQ(std::to_integer<int>(packed[0]), 1 + 2 * 9 + 81);
  EXPECT_EQ(std::to_integer<int>(packed[1]), 2 + 2 * 3);
}

TEST(Trits, EveryLengthRoundTrips) {
  for (std::size_t count = 0; count <= 23; ++count) {
    const std::vector<std::uint8_t> codes = random_trits(count);
    std::vector<std::byte> packed(static_cast<std::size_t>(trit_bytes(static_cast<std::int64_t>(count))));
    EXPECT_EQ(packed.size(), (count + 4) / 5);
    pack_trits(codes, packed);
    std::vector<std::uint8_t> read(count, 9);
    unpack_trits(packed, read);
    EXPECT_EQ(read, codes) << count;
  }
}

TEST(Trits, EveryByteIsFiveCodesOrAnError) {
  for (int value = 0; value < 256; ++value) {
    const std::vector<std::byte> packed = {std::byte{0}, static_cast<std::byte>(value)};
    std::vector<std::uint8_t> codes(10);
    if (value > 242) {
      const std::string text = message_of<FileFormatError>([&] { unpack_trits(packed, codes); });
      EXPECT_EQ(text, "trits: byte 1 is " + std::to_string(value) + ", above 242");
      continue;
    }
    unpack_trits(packed, codes);
    std::vector<std::byte> again(2);
    pack_trits(codes, again);
    EXPECT_EQ(again, packed) << value;
  }
}

TEST(Trits, DigitsAfterTheLastCodeAreAnError) {
  std::vector<std::uint8_t> codes(3);
  for (int value = 0; value <= 242; ++value) {
    const std::vector<std::byte> packed = {static_cast<std::byte>(value)};
    if (value < 27) EXPECT_NO_THROW(unpack_trits(packed, codes)) << value;
    else EXPECT_THROW(unpack_trits(packed, codes), FileFormatError) << value;
  }
}

TEST(Trits, OtherLengthsAndCodesAreRefused) {
  std::vector<std::uint8_t> codes(6);
  std::vector<std::byte> packed(3);
  EXPECT_THROW(unpack_trits(packed, codes), FileFormatError);
  EXPECT_THROW(pack_trits(codes, packed), UsageError);
  packed.resize(2);
  codes[4] = 3;
  EXPECT_NE(message_of<UsageError>([&] { pack_trits(codes, packed); }).find("element 4 is 3"), std::string::npos);
  EXPECT_THROW(trit_bytes(-1), ShapeError);
}

}  // namespace
}  // namespace dyadic
