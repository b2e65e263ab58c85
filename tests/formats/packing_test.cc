#include "dyadic/formats/packing.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

std::int64_t lowest_code(const Format& format) { return format.is_grid() ? format.min_code : 0; }
std::int64_t highest_code(const Format& format) {
  return format.is_grid() ? format.max_code : (std::int64_t{1} << format.width) - 1;
}

/// Unpacked codes in memory, written without the library's packing.
class Codes {
 public:
  Codes(const Format& format, std::int64_t count)
      : type_(code_type(format)), bytes_(static_cast<std::size_t>(count * code_bytes(type_)) + 1, std::byte{0xA5}) {}
  void set(std::int64_t i, std::int64_t code) {
    std::memcpy(bytes_.data() + i * code_bytes(type_), &code, static_cast<std::size_t>(code_bytes(type_)));
  }
  [[nodiscard]] const void* data() const { return bytes_.data(); }
  void* data() { return bytes_.data(); }
  /// The byte after the last code is part of it: nobody may write there.
  bool operator==(const Codes&) const = default;

 private:
  CodeType type_;
  std::vector<std::byte> bytes_;
};

/// Both limits, zero if it is a code, and random codes between.
std::int64_t sample_code(const Format& format, std::int64_t i) {
  const std::int64_t low = lowest_code(format);
  const auto span = static_cast<std::uint64_t>(highest_code(format) - low) + 1;
  if (i % 7 == 0) return low;
  if (i % 7 == 1) return highest_code(format);
  return low + static_cast<std::int64_t>(random_bits({.seed = 11}, static_cast<std::uint64_t>(i), 32) % span);
}

/// The definition, one bit at a time.
std::vector<std::byte> pack_bit_by_bit(const std::vector<std::int64_t>& codes, int width) {
  std::vector<std::byte> packed((codes.size() * static_cast<std::size_t>(width) + 7) / 8);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    for (int b = 0; b < width; ++b) {
      const std::size_t bit = i * static_cast<std::size_t>(width) + static_cast<std::size_t>(b);
      if ((static_cast<std::uint64_t>(codes[i]) >> b & 1) != 0) packed[bit / 8] |= std::byte{1} << (bit % 8);
    }
  }
  return packed;
}

void expect_round_trip(const Format& format, std::int64_t count) {
  SCOPED_TRACE(format_name(format) + " x " + std::to_string(count));
  Codes codes(format, count);
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(sample_code(format, i));
    codes.set(i, values.back());
  }
  std::vector<std::byte> packed(static_cast<std::size_t>(packed_bytes(count, format.width)), std::byte{0xFF});
  pack_codes(codes.data(), format, count, packed);
  ASSERT_EQ(packed, pack_bit_by_bit(values, format.width));
  EXPECT_EQ(first_invalid_code(codes.data(), format, count), -1);
  Codes unpacked(format, count);
  unpack_codes(packed, format, count, unpacked.data());
  ASSERT_EQ(unpacked, codes);
}

std::vector<Format> every_format() {
  std::vector<Format> formats;
  for (const FormatRow& row : format_table()) {
    if (row.format.family != Family::exact) formats.push_back(row.format);
  }
  for (const FormatPattern& pattern : format_patterns()) {
    for (const std::string_view example : pattern.examples) formats.push_back(parse_format(example));
  }
  return formats;
}

TEST(Packing, EveryWidthOfSignedAndUnsignedCodesRoundTripsAtEveryShortLength) {
  for (int width = 2; width <= 32; ++width) {
    for (const char* prefix : {"q1.", "uq1."}) {
      const Format format = parse_format(prefix + std::to_string(width - 1));
      ASSERT_EQ(format.width, width);
      for (std::int64_t count = 0; count <= 33; ++count) expect_round_trip(format, count);
      expect_round_trip(format, 1000);
    }
  }
  for (std::int64_t count = 0; count <= 33; ++count) expect_round_trip(parse_format("binary"), count);
}

TEST(Packing, EveryFormatOfTheTableRoundTrips) {
  for (const Format& format : every_format()) expect_round_trip(format, 511);
}

TEST(Packing, EveryCodeOfEveryFormatUpToSixteenBitsRoundTrips) {
  for (const Format& format : every_format()) {
    if (format.width > 16) continue;
    SCOPED_TRACE(format_name(format));
    const std::int64_t count = highest_code(format) - lowest_code(format) + 1;
    Codes codes(format, count);
    for (std::int64_t i = 0; i < count; ++i) codes.set(i, lowest_code(format) + i);
    std::vector<std::byte> packed(static_cast<std::size_t>(packed_bytes(count, format.width)));
    pack_codes(codes.data(), format, count, packed);
    Codes unpacked(format, count);
    unpack_codes(packed, format, count, unpacked.data());
    ASSERT_EQ(unpacked, codes);
  }
}

TEST(Packing, PutsTheFirstCodeIntoTheLowestBits) {
  const Format format = parse_format("q1.2");  // 3 bits
  Codes codes(format, 3);
  codes.set(0, 1);
  codes.set(1, -2);
  codes.set(2, 3);
  std::vector<std::byte> packed(2);
  pack_codes(codes.data(), format, 3, packed);
  // 011 110 001, from the right: code 2, code 1, code 0.
  EXPECT_EQ(packed, (std::vector<std::byte>{std::byte{0b11110001}, std::byte{0b0}}));
}

TEST(Packing, CountsBytesUpward) {
  EXPECT_EQ(packed_bytes(0, 12), 0);
  EXPECT_EQ(packed_bytes(1, 1), 1);
  EXPECT_EQ(packed_bytes(8, 1), 1);
  EXPECT_EQ(packed_bytes(9, 1), 2);
  EXPECT_EQ(packed_bytes(1'000'000, 22), 2'750'000);
  EXPECT_EQ(packed_bytes(INT64_MAX / 32, 32), INT64_MAX / 32 * 32 / 8);
  EXPECT_THROW(packed_bytes(INT64_MAX / 2, 32), ShapeError);
  EXPECT_THROW(packed_bytes(-1, 8), ShapeError);
  EXPECT_THROW(packed_bytes(1, 0), UsageError);
  EXPECT_THROW(packed_bytes(1, 33), UsageError);
}

TEST(Packing, RefusesEverySetBitAfterTheLastCode) {
  const Format format = parse_format("dfx10");
  Codes codes(format, 3);  // 30 bits: two unused ones
  std::vector<std::byte> packed(4);
  unpack_codes(packed, format, 3, codes.data());
  for (const int bit : {6, 7}) {
    packed[3] = std::byte{1} << bit;
    EXPECT_THROW(unpack_codes(packed, format, 3, codes.data()), FileFormatError) << bit;
  }
  packed[3] = std::byte{1} << 5;
  EXPECT_NO_THROW(unpack_codes(packed, format, 3, codes.data()));
}

TEST(Packing, RefusesOtherSizes) {
  const Format format = parse_format("dfx12");
  Codes codes(format, 4);
  for (const std::size_t size : {5U, 7U}) {
    std::vector<std::byte> packed(size);
    EXPECT_THROW(pack_codes(codes.data(), format, 4, packed), UsageError);
    EXPECT_THROW(unpack_codes(packed, format, 4, codes.data()), FileFormatError);
  }
}

TEST(Packing, FindsTheFirstCodeThatTheFormatDoesNotHave) {
  struct Row {
    const char* format;
    std::int64_t code;
  };
  for (const auto& [name, code] : {Row{"ternary", 3}, Row{"dfx10", -512}, Row{"dfx10", 512}, Row{"q2.6s", -128},
                                   Row{"z3", 9}, Row{"float6_e2m3fn", 64}, Row{"tf32", 1 << 19}, Row{"int4", 8}}) {
    const Format format = parse_format(name);
    Codes codes(format, 5);
    for (int i = 0; i < 5; ++i) codes.set(i, highest_code(format));
    EXPECT_EQ(first_invalid_code(codes.data(), format, 5), -1) << name;
    codes.set(4, code);
    EXPECT_EQ(first_invalid_code(codes.data(), format, 5), 4) << name;
    codes.set(2, code);
    EXPECT_EQ(first_invalid_code(codes.data(), format, 5), 2) << name;
  }
}

}  // namespace
}  // namespace dyadic
