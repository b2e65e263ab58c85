#include "dyadic/kernels/pool.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/math.h"
#include "dyadic/base/parallel.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/epilogue.h"
#include "tests/kernels/product_test.h"

namespace dyadic {
namespace {

const std::vector<std::string> kPoolFormats = {
    "dfx10@2", "q4.3",          "q6.14s",        "uq0.8",           "dfx31@3", "float32", "float16", "tf32",
    "z4",      "float8_e4m3fn", "float6_e3m2fn", "float8_e4m3fnuz", "int8",    "binary",  "int8*0.3"};

/// batch, height, width, channels, size, stride, padding, partial
std::vector<PoolShape> shapes() {
  return {{2, 6, 6, 3, 2, 2, 2, 2},
          {1, 7, 5, 70, 3, 3, 2, 2},              // overlapping, windows cut at the end, two stretches
          {1, 7, 5, 2, 3, 3, 2, 2, 0, 0, false},  // ... and dropped
          {2, 8, 9, 4, 4, 3, 2, 1, 1, 2},         // padding
          {2, 8, 9, 4, 4, 3, 2, 1, 1, 2, false},
          {1, 5, 4, 5, 1, 1, 1, 1},
          {1, 5, 7, 3, 2, 2, 3, 4},    // elements in no window
          {1, 3, 2, 2, 5, 6, 1, 2},    // a window larger than the picture
          {3, 90, 80, 9, 3, 3, 2, 2},  // several strips
          global_pool_shape(2, 5, 7, 6),
          {0, 5, 5, 2, 2, 2, 2, 2}};
}

Tensor random_tensor(const Shape& shape, const std::string& name, std::uint64_t seed, bool few = false) {
  Tensor tensor(shape, parse_format(name));
  const Format& format = tensor.format();
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::uint32_t word = product_test::random_word(seed, static_cast<std::uint64_t>(i));
    const double unit = static_cast<double>(word >> 8) * 0x1p-23 - 1;
    const double value = few ? std::round(2 * unit) / 2 : 2 * unit;
    tensor.set_code(i, encode(format, value).code);
  }
  return tensor;
}

struct Collected {
  std::int64_t columns = 0;
  SumType type = SumType::f64;
  std::vector<double> values;  // int64 sums of these tests stay below 2^53
  std::vector<int> seen;

  Collected(std::int64_t rows, std::int64_t n) : columns(n), values(rows * n), seen(rows * n) {}
  static void consume(void* context, const SumTile& tile, int /*part*/) {
    auto& self = *static_cast<Collected*>(context);
    self.type = tile.type;
    for (std::int64_t i = 0; i < tile.rows; ++i) {
      for (std::int64_t j = 0; j < tile.columns; ++j) {
        const std::int64_t from = i * tile.stride + j;
        const auto to = static_cast<std::size_t>(tile.output_row(i) * self.columns + tile.column + j);
        ++self.seen[to];
        switch (tile.type) {
          case SumType::i32: self.values[to] = static_cast<const std::int32_t*>(tile.sums)[from]; break;
          case SumType::i64:
            self.values[to] = static_cast<double>(static_cast<const std::int64_t*>(tile.sums)[from]);
            break;
          case SumType::f32: self.values[to] = static_cast<const float*>(tile.sums)[from]; break;
          default: self.values[to] = static_cast<const double*>(tile.sums)[from];
        }
      }
    }
  }
  void expect_covered() const {
    for (const int times : seen) ASSERT_EQ(times, 1);
  }
};

/// Positions of a window's elements along one axis by walking over it.
std::vector<std::int64_t> along(std::int64_t window, std::int64_t extent, std::int64_t size, std::int64_t stride,
                                std::int64_t pad) {
  std::vector<std::int64_t> positions;
  for (std::int64_t k = 0; k < size; ++k) {
    const std::int64_t at = window * stride - pad + k;
    if (at >= 0 && at < extent) positions.push_back(at);
  }
  return positions;
}

/// body(index in the output, indices in the input of the window's elements) for every window and channel, in order.
template <typename Body>
void for_windows(const PoolShape& s, const Body& body) {
  std::int64_t out = 0;
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t oh = 0; oh < s.out_height(); ++oh) {
      for (std::int64_t ow = 0; ow < s.out_width(); ++ow) {
        for (std::int64_t c = 0; c < s.channels; ++c, ++out) {
          std::vector<std::int64_t> elements;
          for (const std::int64_t h : along(oh, s.height, s.size_h, s.stride_h, s.pad_h)) {
            for (const std::int64_t w : along(ow, s.width, s.size_w, s.stride_w, s.pad_w)) {
              elements.push_back(((n * s.height + h) * s.width + w) * s.channels + c);
            }
          }
          ASSERT_FALSE(elements.empty());
          body(out, elements);
        }
      }
    }
  }
}

Shape input_shape(const PoolShape& s) { return {s.batch, s.height, s.width, s.channels}; }
Shape output_shape(const PoolShape& s) { return {s.batch, s.out_height(), s.out_width(), s.channels}; }
double value(const Tensor& tensor, std::int64_t i) { return decode(tensor.format(), tensor.code(i)); }

/// The first of the largest; the first NaN if there is nothing else.
std::int64_t winner(const Tensor& z, const std::vector<std::int64_t>& elements) {
  std::int64_t best = elements[0];
  for (const std::int64_t i : elements) {
    if (value(z, i) > value(z, best) || (std::isnan(value(z, best)) && !std::isnan(value(z, i)))) best = i;
  }
  return best;
}

TEST(PoolShape, CountsWindowsByTheFloorAndThePartialRule) {
  const auto count = [](std::int64_t extent, std::int64_t size, std::int64_t stride, std::int64_t pad, bool partial) {
    return PoolShape{1, extent, 1, 1, size, 1, stride, 1, pad, 0, partial}.out_height();
  };
  EXPECT_EQ(count(24, 4, 2, 0, true), 11);
  EXPECT_EQ(count(25, 4, 2, 0, true), 12);
  EXPECT_EQ(count(25, 4, 2, 0, false), 11);
  EXPECT_EQ(count(5, 2, 3, 0, true), 2);
  EXPECT_EQ(count(6, 2, 5, 0, true), 2);
  EXPECT_EQ(count(5, 2, 5, 0, true), 1);  // the second would begin beyond the picture
  EXPECT_EQ(count(5, 3, 3, 2, true), 3);
  EXPECT_EQ(count(4, 3, 3, 2, true), 2);  // by ceil 3, but the third would begin in the padding
  EXPECT_EQ(count(3, 5, 1, 0, true), 1);
}

TEST(PoolShape, RefusesWhatCannotBe) {
  EXPECT_THROW((PoolShape{1, 0, 5, 1}.check()), ShapeError);
  EXPECT_THROW((PoolShape{-1, 5, 5, 1}.check()), ShapeError);
  EXPECT_THROW((PoolShape{1, 5, 5, 0}.check()), ShapeError);
  EXPECT_THROW((PoolShape{1, 5, 5, 1, 0, 1}.check()), ShapeError);
  EXPECT_THROW((PoolShape{1, 5, 5, 1, 2, 2, 0, 1}.check()), ShapeError);
  EXPECT_THROW((PoolShape{1, 5, 5, 1, 2, 2, 1, 1, 2, 0}.check()), ShapeError);
  EXPECT_THROW((PoolShape{1, 5, 5, 1, 6, 2, 1, 1, 0, 0, false}.check()), ShapeError);
  EXPECT_NO_THROW((PoolShape{1, 5, 5, 1, 6, 2, 1, 1, 0, 0, true}.check()));
  Tensor y;
  EXPECT_THROW(max_pool_select(Tensor({1, 5, 4, 1}, parse_format("float32")), {1, 5, 5, 1}, y), ShapeError);
}

TEST(MaxPool, SelectsTheFirstOfTheLargestInEveryFormatAndShape) {
  for (const std::string& format : kPoolFormats) {
    for (const PoolShape& shape : shapes()) {
      const Tensor z = random_tensor(input_shape(shape), format, 1, true);
      Tensor y;
      max_pool_select(z, shape, y);
      ASSERT_EQ(y.shape(), output_shape(shape));
      for_windows(shape, [&](std::int64_t out, const std::vector<std::int64_t>& elements) {
        ASSERT_EQ(y.code(out), z.code(winner(z, elements))) << format << " at " << out;
      });
    }
  }
}

TEST(MaxPool, NaNNeverWinsAndZerosAreEqual) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::string format : {"float32", "float16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2"}) {
    Tensor z({1, 2, 6, 1}, parse_format(format));
    const double values[] = {nan, -1, nan, nan, -0.0, 0.0, -2, nan, nan, nan, 0.0, -1};
    for (int i = 0; i < 12; ++i) z.set_code(i, encode(z.format(), values[i]).code);
    const PoolShape shape = {1, 2, 6, 1, 2, 2, 2, 2};
    Tensor y;
    max_pool_select(z, shape, y);
    EXPECT_EQ(value(y, 0), -1) << format;
    EXPECT_TRUE(std::isnan(value(y, 1))) << format;
    EXPECT_EQ(y.code(2), z.code(4)) << format << ": the first of equals";
    Tensor d_y(y.shape(), parse_format("q4.3"));
    for (int i = 0; i < 3; ++i) d_y.set_code(i, 5 + i);
    Collected sums(12, 1);
    max_pool_route(z, d_y, shape, Ties::all, &Collected::consume, &sums);
    EXPECT_EQ(sums.values, (std::vector<double>{0, 5, 0, 0, 7, 7, 0, 0, 0, 0, 7, 0})) << format;
  }
}

TEST(MaxPool, MinusInfinityWinsOverNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::string format : {"float32", "float16", "bfloat16"}) {
    Tensor z({1, 1, 6, 1}, parse_format(format));
    const double values[] = {nan, -infinity, -infinity, -infinity, -infinity, infinity};
    for (int i = 0; i < 6; ++i) z.set_code(i, encode(z.format(), values[i]).code);
    const PoolShape shape = {1, 1, 6, 1, 1, 2, 1, 2};
    Tensor y;
    max_pool_select(z, shape, y);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(value(y, i), i < 2 ? -infinity : infinity) << format;
    Tensor d_y(y.shape(), parse_format("q4.3"));
    for (int i = 0; i < 3; ++i) d_y.set_code(i, 5 + i);
    Collected sums(6, 1);
    max_pool_route(z, d_y, shape, Ties::all, &Collected::consume, &sums);
    EXPECT_EQ(sums.values, (std::vector<double>{0, 5, 6, 6, 0, 7})) << format;
  }
}

TEST(MaxPool, RoutesEveryWindowsGradientAndAddsExactlyOrInOrder) {
  for (const std::string& z_format : kPoolFormats) {
    for (const std::string d_format : {"dfx10@0", "float32", "dfx31@0", "float16", "uint8*1+3", "int8*0.3"}) {
      for (const PoolShape& shape : shapes()) {
        const Tensor z = random_tensor(input_shape(shape), z_format, 1, true);
        const Tensor d_y = random_tensor(output_shape(shape), d_format, 2);
        for (const Ties ties : {Ties::all, Ties::first}) {
          Collected sums(shape.batch * shape.height * shape.width, shape.channels);
          max_pool_route(z, d_y, shape, ties, &Collected::consume, &sums);
          sums.expect_covered();
          const Format& format = d_y.format();
          std::vector<double> expected(sums.values.size());
          for_windows(shape, [&](std::int64_t out, const std::vector<std::int64_t>& elements) {
            const std::int64_t best = winner(z, elements);
            for (const std::int64_t i : elements) {
              if (ties == Ties::all ? value(z, i) != value(z, best) : i != best) continue;
              double& sum = expected[static_cast<std::size_t>(i)];
              if (format.is_dyadic_grid())
                sum += static_cast<double>(format.code_multiplier * d_y.code(out) - format.code_offset);
              else sum = static_cast<float>(sum) + static_cast<float>(value(d_y, out));
            }
          });
          ASSERT_EQ(sums.values, expected) << z_format << " " << d_format;
        }
      }
    }
  }
}

TEST(MaxPool, PicksSumsWideEnoughForEveryWindow) {
  const PoolShape shape = {1, 3, 3, 1, 2, 2, 1, 1};
  const Tensor z({1, 3, 3, 1}, parse_format("q4.3"));
  for (const auto& [format, type] : {std::pair{"dfx30@0", SumType::i32}, std::pair{"dfx31@0", SumType::i64}}) {
    Tensor d_y({1, 2, 2, 1}, parse_format(format));
    for (int i = 0; i < 4; ++i) d_y.set_code(i, d_y.format().max_code);
    Collected sums(9, 1);
    max_pool_route(z, d_y, shape, Ties::all, &Collected::consume, &sums);
    EXPECT_EQ(sums.type, type);
    EXPECT_EQ(sums.values[4], 4.0 * static_cast<double>(d_y.format().max_code));
  }
}

TEST(AveragePool, DividesExactSumsOrFixedTreesOnce) {
  for (const std::string& format : kPoolFormats) {
    for (const PoolShape& shape : shapes()) {
      const Tensor x = random_tensor(input_shape(shape), format, 3);
      Collected averages(shape.batch * shape.out_height() * shape.out_width(), shape.channels);
      average_pool(x, shape, &Collected::consume, &averages);
      averages.expect_covered();
      const Format& f = x.format();
      const double step = std::ldexp(static_cast<double>(f.scale), f.step_exponent);
      for_windows(shape, [&](std::int64_t out, const std::vector<std::int64_t>& elements) {
        std::vector<double> values;
        std::int64_t sum = 0;
        for (const std::int64_t i : elements) {
          values.push_back(value(x, i));
          sum += f.code_multiplier * x.code(i) - f.code_offset;
        }
        const double total = f.is_grid() ? static_cast<double>(sum) * step : tree_sum(values);
        const double expected = total / static_cast<double>(elements.size());
        ASSERT_EQ(std::bit_cast<std::int64_t>(averages.values[static_cast<std::size_t>(out)]),
                  std::bit_cast<std::int64_t>(expected))
            << format << " at " << out;
      });
    }
  }
}

TEST(AveragePool, PaddingOfTheTreeMakesMinusZeroPlusZero) {
  for (const std::int64_t size : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    Tensor x({1, 1, size, 1}, parse_format("float16"));
    for (std::int64_t i = 0; i < size; ++i) x.set_code(i, 0x8000);
    Collected average(1, 1);
    average_pool(x, global_pool_shape(1, 1, size, 1), &Collected::consume, &average);
    EXPECT_EQ(std::signbit(average.values[0]), std::has_single_bit(static_cast<std::uint64_t>(size))) << size;
  }
}

TEST(AveragePool, SendsBackQuotientsInOrder) {
  for (const std::string& format : kPoolFormats) {
    for (const PoolShape& shape : shapes()) {
      const Tensor d_y = random_tensor(output_shape(shape), format, 4);
      Collected sums(shape.batch * shape.height * shape.width, shape.channels);
      average_pool_backward(d_y, shape, &Collected::consume, &sums);
      sums.expect_covered();
      std::vector<double> expected(sums.values.size());
      for_windows(shape, [&](std::int64_t out, const std::vector<std::int64_t>& elements) {
        for (const std::int64_t i : elements) {
          expected[static_cast<std::size_t>(i)] += value(d_y, out) / static_cast<double>(elements.size());
        }
      });
      ASSERT_EQ(sums.values, expected) << format;
    }
  }
}

// Codes, counts and random bits do not depend on threads or on how rows are put into tiles.
TEST(Pool, RoundsTheSameOnAnyNumberOfThreads) {
  const PoolShape shape = {3, 40, 30, 40, 3, 3, 2, 2};
  const Tensor z = random_tensor(input_shape(shape), "dfx10@1", 1);
  const Tensor d_y = random_tensor(output_shape(shape), "dfx10@0", 2);
  const RandomStream random = {.seed = 1, .step = 2, .stream = 3};
  std::vector<std::vector<std::int16_t>> results;
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    Tensor d_x(input_shape(shape), parse_format("dfx10@0:sat:sr"));
    RoundingEpilogue route(d_x, shape.channels, d_y.format().step_exponent, nullptr, random, 0);
    max_pool_route(z, d_y, shape, Ties::all, &RoundingEpilogue::consume, &route);
    std::vector<std::int16_t> codes(d_x.codes<std::int16_t>().begin(), d_x.codes<std::int16_t>().end());
    RoundingEpilogue average(d_x, shape.channels, 0, nullptr, random, 0);
    average_pool_backward(d_y, shape, &RoundingEpilogue::consume, &average);
    EXPECT_EQ(average.counts().elements, d_x.size());
    codes.insert(codes.end(), d_x.codes<std::int16_t>().begin(), d_x.codes<std::int16_t>().end());
    results.push_back(codes);
  }
  set_thread_count(1);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
  // By hand: the last element's share, rounded with its own random bits.
  Collected sums(shape.batch * shape.height * shape.width, shape.channels);
  average_pool_backward(d_y, shape, &Collected::consume, &sums);
  const Format format = parse_format("dfx10@0:sat:sr");
  const auto last = static_cast<std::uint64_t>(sums.values.size() - 1);
  EXPECT_EQ(results[0].back(), encode(format, sums.values.back(), random_bits(random, last, 32)).code);
}

}  // namespace
}  // namespace dyadic
