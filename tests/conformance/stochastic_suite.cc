// Stochastic rounding, proved by enumerating random words: with r bits, exactly t = floor(frac * 2^r) of the 2^r words
// (srh: floor(frac * 2^16 + 1/2)) move a number away from its near neighbour, and they are the t largest words.
#include <algorithm>
#include <cmath>

#include "conformance_suite.h"
#include "dyadic/formats/codec.h"

namespace dyadic {
namespace {

/// A number between two neighbours, and how many of the 2^bits words must move it.
struct Situation {
  double x = 0;
  std::int64_t near_code = 0;
  std::int64_t far_code = 0;
  std::uint64_t moving_words = 0;
};

/// Neighbour from which the distance is measured: nearer zero for formats that are symmetric about zero (the lower one
/// of binary's two), the lower one for two's complement, unsigned and affine formats.
bool measures_from_lower(const Format& format, const ValueLine& line, std::int64_t rank) {
  const bool by_sign = format.family == Family::floating || format.family == Family::dynamic_fixed ||
                       format.family == Family::discrete || format.family == Family::block ||
                       (format.family == Family::fixed && format.name.ends_with('s'));
  return !by_sign || std::fabs(line.value(rank)) <= std::fabs(line.value(rank + 1));
}

Situation situation(const Format& format, const ValueLine& line, std::int64_t rank, long double fraction) {
  const bool from_lower = measures_from_lower(format, line, rank);
  const std::int64_t near = from_lower ? rank : rank + 1;
  const std::int64_t far = from_lower ? rank + 1 : rank;
  const long double gap = line.value(far) - line.value(near);
  Situation result;
  result.x = input_for(format, line.value(near) + fraction * gap);
  const bool negative = std::signbit(result.x);
  result.near_code = line.code(near, negative);
  result.far_code = line.code(far, negative);
  // t is the largest integer with t * |gap| <= |x - near| * 2^r (+ |gap| / 2 for srh); all of it exact in long double.
  const int bits = random_bits_per_element(format.rounding);
  const long double distance = std::fabs(static_cast<long double>(on_line(format, result.x)) - line.value(near));
  const long double wanted =
      std::ldexp(distance, bits) + (format.rounding == Rounding::srh ? std::fabs(gap) / 2 : 0.0L);
  auto t = static_cast<std::uint64_t>(wanted / std::fabs(gap));
  while (static_cast<long double>(t) * std::fabs(gap) > wanted) --t;
  while (static_cast<long double>(t + 1) * std::fabs(gap) <= wanted) ++t;
  result.moving_words = t;
  return result;
}

/// Gaps of each kind: at zero, at both ends, in the middle of each half, where the sign or the binade changes.
std::vector<std::int64_t> tested_gaps(const ValueLine& line) {
  std::vector<std::int64_t> gaps;
  const std::int64_t middle = line.first() + (line.last() - line.first()) / 2;
  for (const std::int64_t rank : {middle, middle - 1, line.first(), line.last() - 1,
                                  line.first() + (middle - line.first()) / 2, middle + (line.last() - middle) / 2}) {
    const bool inside = rank >= line.first() && rank < line.last();
    if (inside && std::ranges::find(gaps, rank) == gaps.end()) gaps.push_back(rank);
  }
  return gaps;
}

/// Multiples of 2^-9 and 2^-17 with neighbours, so that both floors are met from both sides.
constexpr long double kFractions[] = {0x1p-18L,  0x1p-9L, 0x1p-8L - 0x1p-20L, 0.3L,           0.5L,
                                      0x1.8p-1L, 0x1p-8L, 1 - 0x1p-8L,        1 - 0x1.8p-17L, 1 - 0x1p-20L};

void enumerate_words(const Format& format) {
  const ValueLine line(line_format(format));
  const std::uint64_t words = std::uint64_t{1} << random_bits_per_element(format.rounding);
  Mismatches mismatches;
  const std::vector<std::int64_t> gaps = tested_gaps(line);
  const std::size_t stride = words > 256 ? 3 : 1;  // of 2^16 words every third pair is enough: each fraction occurs
  for (std::size_t gap = 0; gap < gaps.size(); ++gap) {
    for (std::size_t i = gap % stride; i < std::size(kFractions); i += stride) {
      const Situation wanted = situation(format, line, gaps[gap], kFractions[i]);
      std::uint64_t moved = 0;
      std::uint64_t misplaced = 0;
      for (std::uint64_t word = 0; word < words; ++word) {
        const std::int64_t code = encode(format, wanted.x, static_cast<std::uint32_t>(word)).code;
        const bool moves = code == wanted.far_code;
        moved += moves ? 1 : 0;
        misplaced += moves != (word + wanted.moving_words >= words) || (!moves && code != wanted.near_code) ? 1 : 0;
      }
      if (moved != wanted.moving_words || misplaced != 0) {
        mismatches.add(std::string(rounding_name(format.rounding)) + " of " + std::to_string(wanted.x) + ": " +
                       std::to_string(moved) + " of " + std::to_string(words) + " words move, expected " +
                       std::to_string(wanted.moving_words) + "; " + std::to_string(misplaced) + " words go wrong");
      }
    }
  }
}

}  // namespace

TEST_P(FormatConformance, EightRandomBitsMoveExactlyTheirShareOfWords) {
  Format rounded = format();
  rounded.rounding = Rounding::sr8;
  enumerate_words(rounded);
}

TEST_P(FormatConformance, SixteenRandomBitsMoveExactlyTheirShareOfWords) {
  Format rounded = format();
  rounded.rounding = Rounding::sr16;
  enumerate_words(rounded);
}

TEST_P(FormatConformance, SixteenRandomBitsAndAHalfMoveExactlyTheirShareOfWords) {
  Format rounded = format();
  rounded.rounding = Rounding::srh;
  enumerate_words(rounded);
}

TEST_P(FormatConformance, ThirtyTwoRandomBitsChangeTheirMindAtTheThresholdWord) {
  Format rounded = format();
  rounded.rounding = Rounding::sr;
  const ValueLine line(line_format(format()));
  Mismatches mismatches;
  for (const std::int64_t rank : tested_gaps(line)) {
    for (const long double fraction : kFractions) {
      const Situation wanted = situation(rounded, line, rank, fraction);
      const std::uint64_t first_moving = (std::uint64_t{1} << 32) - wanted.moving_words;
      for (const std::uint64_t word : {std::uint64_t{0}, first_moving - 1, first_moving, std::uint64_t{0xFFFFFFFF}}) {
        if (word > 0xFFFFFFFF) continue;
        const std::int64_t code = encode(rounded, wanted.x, static_cast<std::uint32_t>(word)).code;
        const std::int64_t expected = word >= first_moving ? wanted.far_code : wanted.near_code;
        if (code != expected) {
          mismatches.add("sr of " + std::to_string(wanted.x) + " with word " + std::to_string(word) + ": code " +
                         std::to_string(code) + ", expected " + std::to_string(expected));
        }
      }
    }
  }
}

TEST_P(FormatConformance, SaturationComesAfterStochasticRounding) {
  const ValueLine line(line_format(format()));
  Format rounded = format();
  rounded.overflow = Overflow::sat;
  for (const Rounding rounding : {Rounding::sr, Rounding::sr16, Rounding::sr8, Rounding::srh}) {
    rounded.rounding = rounding;
    const auto all_ones = static_cast<std::uint32_t>((std::uint64_t{1} << random_bits_per_element(rounding)) - 1);
    const long double gap = line.value(line.last() + 1) - line.value(line.last());
    const double x = input_for(format(), line.value(line.last()) + gap / 2);
    const Encoded stays = encode(rounded, x, 0);
    const Encoded moves = encode(rounded, x, all_ones);
    EXPECT_EQ(stays.code, line.code(line.last()));
    EXPECT_FALSE(stays.overflowed);
    EXPECT_EQ(moves.code, line.code(line.last()));
    EXPECT_TRUE(moves.overflowed);
  }
}

}  // namespace dyadic
