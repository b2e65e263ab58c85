// Maxout, dropout masks and column sums: kernels that move or add codes.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/dropout.h"
#include "dyadic/kernels/maxout.h"
#include "dyadic/kernels/reduce.h"

namespace dyadic {
namespace {

Tensor tensor_of(const Shape& shape, const std::string& format, const std::vector<double>& values) {
  Tensor tensor(shape, parse_format(format));
  for (std::int64_t i = 0; i < tensor.size(); ++i)
    tensor.set_code(i, encode(tensor.format(), values[static_cast<std::size_t>(i)]).code);
  return tensor;
}

std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(decode(tensor.format(), tensor.code(i)));
  return values;
}

const std::vector<std::string> kSelectionFormats = {"dfx10@2",       "q4.3",          "q6.14s", "float32", "float16",
                                                    "float8_e4m3fn", "float6_e3m2fn", "z4",     "int8",    "tf32"};

TEST(Maxout, SelectsTheLargestOfEachGroupInEveryFormat) {
  for (const std::string& format : kSelectionFormats) {
    Tensor y;
    maxout_select(tensor_of({1, 6}, format, {-1, 0.5, -0.5, -1, -0.5, -1}), 3, y);
    EXPECT_EQ(values_of(y), (std::vector<double>{values_of(tensor_of({1}, format, {0.5}))[0],
                                                 values_of(tensor_of({1}, format, {-0.5}))[0]}))
        << format;
  }
}

TEST(Maxout, AgreesWithASlowSearchForAllGroupSizes) {
  for (const std::int64_t pieces : {1, 2, 3, 4, 5, 6, 7}) {
    const std::int64_t columns = pieces * 9;
    Tensor z({4, columns}, parse_format("dfx10@0"));
    for (std::int64_t i = 0; i < z.size(); ++i) z.set_code(i, (i * 7919 + pieces) % 23 - 11);
    Tensor y;
    maxout_select(z, pieces, y);
    for (std::int64_t u = 0; u < y.size(); ++u) {
      std::int64_t best = z.code(u * pieces);
      for (std::int64_t p = 1; p < pieces; ++p) best = std::max(best, z.code(u * pieces + p));
      EXPECT_EQ(y.code(u), best);
    }
  }
}

TEST(Maxout, RoutesGradientToEveryMaximum) {
  const Tensor z = tensor_of({1, 5}, "dfx10@2", {1, 2, 2, -1, 2});
  Tensor routed;
  maxout_route(z, tensor_of({1, 1}, "dfx10@0", {0.25}), 5, Ties::all, false, routed);
  EXPECT_EQ(values_of(routed), (std::vector<double>{0, 0.25, 0.25, 0, 0.25}));
}

TEST(Maxout, RoutesGradientToTheFirstMaximumIfAsked) {
  const Tensor z = tensor_of({1, 5}, "float16", {1, 2, 2, -1, 2});
  Tensor routed;
  maxout_route(z, tensor_of({1, 1}, "float32", {0.25}), 5, Ties::first, false, routed);
  EXPECT_EQ(values_of(routed), (std::vector<double>{0, 0.25, 0, 0, 0}));
}

TEST(Maxout, ClippedStopsGradientAtSaturatedValues) {
  for (const std::string& format : {std::string("q2.2s"), std::string("float8_e4m3fn:sat")}) {
    const Tensor z = tensor_of({1, 4}, format, {1e6, -1, 0.5, 0.25});
    Tensor routed;
    maxout_route(z, tensor_of({1, 2}, "dfx10@0", {0.25, 0.5}), 2, Ties::all, true, routed);
    EXPECT_EQ(values_of(routed), (std::vector<double>{0, 0, 0.5, 0})) << format;
  }
}

/// Numbers between and at the limits of the format, many of them equal, zeros of both signs among them.
Tensor crowded(const Shape& shape, const std::string& name, std::uint32_t stream) {
  Tensor tensor(shape, parse_format(name));
  const Format& format = tensor.format();
  const double values[] = {-1e30, -1, -0.5, -0.0, 0, 0.25, 0.5, 1, 1e30};
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::uint32_t word = random_bits({.seed = 5, .stream = stream}, static_cast<std::uint64_t>(i), 32);
    tensor.set_code(i, encode(format, values[word % std::size(values)]).code);
    // NaN, where the format has one, often enough to fill whole groups.
    const double nan = decode(format, encode(format, std::nan("")).code);
    if (std::isnan(nan) && word >> 30 == 0) tensor.set_code(i, encode(format, nan).code);
  }
  return tensor;
}

/// Largest or least code of a grid, largest finite magnitude or more of a float, or the clamp of its range.
bool is_at_limit(const Format& format, std::int64_t code) {
  if (format.is_grid()) return code == format.max_code || code == format.min_code;
  const std::int64_t limit = format.has_range() ? clamp_code(format) : std::int64_t{max_finite_code(format)};
  return std::fabs(decode(format, code)) >= decode(format, limit);
}

// Long enough for every width of vector and its remainder, in every pair of formats and width of gradient.
TEST(Maxout, MovesWhatTheDefinitionMovesInEveryFormat) {
  const std::vector<std::string> gradients = {"dfx10@0", "float32", "int8", "uint8*1+3", "q4.28", "float8_e4m3fn"};
  std::vector<std::string> formats = kSelectionFormats;
  formats.insert(formats.end(), {"float32@-1", "float16@-1"});  // values beyond the range are at its limit
  for (const std::string& format : formats) {
    for (const std::int64_t pieces : {1, 2, 3, 5}) {
      const std::int64_t groups = 37;
      const Tensor z = crowded({3, groups * pieces}, format + ":sat", 1);
      Tensor y;
      maxout_select(z, pieces, y);
      const auto value = [&](std::int64_t i) { return decode(z.format(), z.code(i)); };
      std::vector<std::int64_t> winners;  // the first of each group
      for (std::int64_t u = 0; u < 3 * groups; ++u) {
        std::int64_t best = u * pieces;
        for (std::int64_t i = best; i < (u + 1) * pieces; ++i) {
          if (value(i) > value(best) || (std::isnan(value(best)) && !std::isnan(value(i)))) best = i;
        }
        winners.push_back(best);
        ASSERT_EQ(y.code(u), z.code(best)) << format << " group " << u;
      }
      for (const std::string& gradient : gradients) {
        const Tensor d_y = crowded({3, groups}, gradient + ":sat", 2);
        const std::int64_t zero = encode(d_y.format(), 0.0).code;
        for (const Ties ties : {Ties::all, Ties::first}) {
          for (const bool clipped : {false, true}) {
            Tensor routed;
            maxout_route(z, d_y, pieces, ties, clipped, routed);
            for (std::int64_t i = 0; i < z.size(); ++i) {
              const std::int64_t best = winners[static_cast<std::size_t>(i / pieces)];
              const bool wins = value(i) == value(best) && (ties == Ties::all || i == best);  // NaN equals nothing
              const bool passes = wins && !(clipped && is_at_limit(z.format(), z.code(i)));
              ASSERT_EQ(routed.code(i), passes ? d_y.code(i / pieces) : zero)
                  << format << " " << gradient << " " << pieces << " pieces, element " << i << " " << clipped;
            }
          }
        }
      }
    }
  }
}

TEST(Maxout, RefusesPiecesThatDoNotDivide) {
  Tensor y;
  EXPECT_THROW(maxout_select(Tensor({1, 7}, parse_format("float32")), 5, y), ShapeError);
}

TEST(DropoutMask, KeepsExactlyTheElementsBelowTheThreshold) {
  const RandomStream stream = {.seed = 3, .step = 17, .stream = 0x20401};
  const std::int64_t n = 5003;
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(n));
    dropout_mask(stream, 0.8, n, mask.data());
    const auto threshold = static_cast<std::uint64_t>(std::floor(0.8 * 4294967296.0));
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const bool keep = random_bits(stream, static_cast<std::uint64_t>(i), 32) < threshold;
      ASSERT_EQ(mask[static_cast<std::size_t>(i)], keep ? 0xFF : 0) << i;
      kept += keep ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(kept) / n, 0.8, 5 * std::sqrt(0.16 / n));
  }
  set_thread_count(1);
}

TEST(DropoutMask, KeepOneKeepsEverything) {
  std::vector<std::uint8_t> mask(100);
  dropout_mask({}, 1.0, 100, mask.data());
  for (const std::uint8_t byte : mask) EXPECT_EQ(byte, 0xFF);
}

TEST(DropoutMask, WritesTheCodeOfZero) {
  const std::vector<std::uint8_t> mask = {0xFF, 0, 0xFF};
  for (const std::string& format : kSelectionFormats) {
    const Tensor in = tensor_of({1, 3}, format, {0.5, 0.5, -0.5});
    Tensor out;
    apply_mask(in, mask.data(), out);
    EXPECT_EQ(decode(out.format(), out.code(1)), 0) << format;
    EXPECT_EQ(out.code(0), in.code(0)) << format;
    EXPECT_EQ(out.code(2), in.code(2)) << format;
  }
  Tensor out;
  EXPECT_THROW(apply_mask(Tensor({1, 3}, parse_format("binary")), mask.data(), out), UsageError);
}

TEST(ColumnSums, AreExactForGridsAndOrderedForFloats) {
  for (const std::string& format :
       {std::string("dfx10@0"), std::string("q4.3"), std::string("z4"), std::string("uint8+3")}) {
    Tensor in({50, 3}, parse_format(format == "uint8+3" ? "uint8*1+3" : format));
    double expected[3] = {};
    for (std::int64_t i = 0; i < in.size(); ++i) {
      in.set_code(i, in.format().min_code + (i * 37) % (in.format().max_code - in.format().min_code));
      expected[i % 3] += decode(in.format(), in.code(i));
    }
    Tensor out({3}, parse_format("float32"));
    round_column_sums(in, out, {});
    for (int j = 0; j < 3; ++j) EXPECT_EQ(values_of(out)[static_cast<std::size_t>(j)], expected[j]) << format;
  }
  // 1e8 + 1 is lost in float32, so only the order (1e8 + 1) - 1e8 = 0 gives zero.
  Tensor sum({1}, parse_format("float32"));
  round_column_sums(tensor_of({3, 1}, "float32", {1e8, 1, -1e8}), sum, {});
  EXPECT_EQ(values_of(sum)[0], 0);
  round_column_sums(tensor_of({3, 1}, "float32", {1e8, -1e8, 1}), sum, {});
  EXPECT_EQ(values_of(sum)[0], 1);
}

// Many more values than fit into one piece, and rows longer than one.
TEST(ColumnSums, AddFloatsInOrderHoweverManyThereAre) {
  for (const std::string& format : {std::string("float32"), std::string("float16"), std::string("float8_e4m3fn")}) {
    for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{3001, 7}, {5, 6000}}) {
      Tensor in({rows, columns}, parse_format(format));
      std::vector<float> expected(static_cast<std::size_t>(columns));
      for (std::int64_t i = 0; i < in.size(); ++i) {
        const double value = random_uniform({.seed = 6}, static_cast<std::uint64_t>(i)) - 0.25;
        in.set_code(i, encode(in.format(), value).code);
        expected[static_cast<std::size_t>(i % columns)] += static_cast<float>(decode(in.format(), in.code(i)));
      }
      Tensor out({columns}, parse_format("float32"));
      round_column_sums(in, out, {});
      for (std::int64_t j = 0; j < columns; ++j) {
        ASSERT_EQ(out.codes<float>()[static_cast<std::size_t>(j)], expected[static_cast<std::size_t>(j)]) << format;
      }
    }
  }
}

}  // namespace
}  // namespace dyadic
