// Codes from thresholds against counting one by one, of whole tensors and of a product's tiles.
#include "dyadic/kernels/threshold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

std::int64_t random_integer(std::uint64_t index, std::int64_t limit, std::uint32_t stream) {
  const auto word = static_cast<std::int64_t>(random_bits({.seed = 9, .stream = stream}, index, 32));
  return word % (2 * limit + 1) - limit;
}

ChannelThresholds random_thresholds(std::int64_t channels, std::int64_t steps, std::int64_t limit) {
  ChannelThresholds thresholds = {.channels = channels, .steps = steps, .values = {}, .directions = {}};
  std::vector<std::vector<std::int32_t>> lists;
  for (std::int64_t c = 0; c < channels; ++c) {
    std::vector<std::int32_t> list;
    for (std::int64_t k = 0; k < steps; ++k) {
      list.push_back(static_cast<std::int32_t>(random_integer(static_cast<std::uint64_t>(c * steps + k), limit, 1)));
    }
    std::ranges::sort(list);
    lists.push_back(list);
    thresholds.directions.push_back(c % 3 == 1 ? -1 : 1);
  }
  for (std::size_t k = 0; k < static_cast<std::size_t>(steps); ++k) {
    for (const auto& list : lists) thresholds.values.push_back(list[k]);
  }
  return thresholds;
}

std::int64_t counted(const ChannelThresholds& thresholds, std::int64_t channel, std::int64_t z) {
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < thresholds.steps; ++k) {
    const std::int64_t t = thresholds.values[static_cast<std::size_t>(k * thresholds.channels + channel)];
    count += thresholds.directions[static_cast<std::size_t>(channel)] * z >= t ? 1 : 0;
  }
  return count;
}

struct SumCase {
  const char* format;
  std::int64_t limit;
};

TEST(Threshold, CodesAreTheNumberOfThresholdsPassed) {
  for (const SumCase& sums : {SumCase{"q8.0s", 127}, SumCase{"q12.3s", 16000}, SumCase{"q31.0s", 1000000000}}) {
    for (const std::int64_t channels : {1, 6, 64, 65, 130}) {
      for (const std::int64_t steps : {1, 2, 16, 256}) {
        const ChannelThresholds thresholds = random_thresholds(channels, steps, sums.limit);
        Tensor z({7, 3, channels}, parse_format(sums.format));
        for (std::int64_t i = 0; i < z.size(); ++i) {
          z.set_code(i, random_integer(static_cast<std::uint64_t>(i), sums.limit, 2));
        }
        for (const CodeType type : {CodeType::u8, CodeType::u16}) {
          if (type == CodeType::u8 && steps > 255) continue;
          Tensor codes(z.shape(), parse_format(type == CodeType::u8 ? "uq8.0" : "uq16.0"));
          for (const int threads : {1, 3}) {
            set_thread_count(threads);
            count_thresholds(z, thresholds, codes.data(), type);
            for (std::int64_t i = 0; i < z.size(); ++i) {
              ASSERT_EQ(codes.code(i), counted(thresholds, i % channels, z.code(i)))
                  << sums.format << " " << channels << " " << steps << " " << i;
            }
          }
        }
      }
    }
  }
  set_thread_count(1);
}

TEST(Threshold, AProductsTilesGetTheCodesOfTheirSums) {
  constexpr std::int64_t kRows = 33, kColumns = 130, kDepth = 70;
  Tensor a({kRows, kDepth}, parse_format("ternary")), b({kColumns, kDepth}, parse_format("z3"));
  for (std::int64_t i = 0; i < a.size(); ++i) a.set_code(i, random_integer(static_cast<std::uint64_t>(i), 1, 3) + 1);
  for (std::int64_t i = 0; i < b.size(); ++i) b.set_code(i, random_integer(static_cast<std::uint64_t>(i), 4, 4) + 4);
  const auto operand = [](const Tensor& tensor) {
    return IntegerOperand{.codes = tensor.data(),
                          .type = CodeType::u8,
                          .row_stride = kDepth,
                          .offset = tensor.format().code_offset,
                          .max_magnitude = tensor.format().max_magnitude()};
  };
  const ChannelThresholds thresholds = random_thresholds(kColumns, 8, 40);
  Tensor codes({kRows, kColumns}, parse_format("uq8.0"));
  ThresholdEpilogue epilogue(thresholds, codes.data(), CodeType::u8);
  integer_product(kRows, kColumns, kDepth, operand(a), operand(b), SumType::i32, &ThresholdEpilogue::consume,
                  &epilogue);
  for (std::int64_t i = 0; i < codes.size(); ++i) {
    std::int64_t z = 0;
    for (std::int64_t k = 0; k < kDepth; ++k) {
      z += (a.code(i / kColumns * kDepth + k) - 1) * (b.code(i % kColumns * kDepth + k) - 4);
    }
    ASSERT_EQ(codes.code(i), counted(thresholds, i % kColumns, z)) << i;
  }
}

TEST(Threshold, ATileLiesAnywhereInTheOutput) {
  constexpr std::int64_t kChannels = 9, kRows = 6, kColumn = 3, kColumns = 4, kStride = 7;
  const ChannelThresholds thresholds = random_thresholds(kChannels, 4, 20);
  std::vector<std::int32_t> sums;
  for (std::uint64_t i = 0; i < 2 * kStride; ++i) sums.push_back(static_cast<std::int32_t>(random_integer(i, 20, 5)));
  const std::vector<std::int64_t> rows = {4, 1};
  Tensor codes({kRows, kChannels}, parse_format("uq16.0"));
  for (std::int64_t i = 0; i < codes.size(); ++i) codes.set_code(i, 99);
  ThresholdEpilogue epilogue(thresholds, codes.data(), CodeType::u16);
  ThresholdEpilogue::consume(&epilogue,
                             {.sums = sums.data(),
                              .type = SumType::i32,
                              .column = kColumn,
                              .rows = 2,
                              .columns = kColumns,
                              .stride = kStride,
                              .row_index = rows.data()},
                             0);
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t c = 0; c < kChannels; ++c) {
      const bool inside = (row == 4 || row == 1) && c >= kColumn && c < kColumn + kColumns;
      const auto at = static_cast<std::size_t>((row == 4 ? 0 : kStride) + c - kColumn);
      ASSERT_EQ(codes.code(row * kChannels + c), inside ? counted(thresholds, c, sums[at]) : 99) << row << " " << c;
    }
  }
}

TEST(Threshold, OtherChannelsSumsAndCodesAreRefused) {
  const ChannelThresholds thresholds = random_thresholds(4, 2, 10);
  Tensor codes({2, 4}, parse_format("uq8.0"));
  EXPECT_THROW(count_thresholds(Tensor({2, 5}, parse_format("q8.0s")), thresholds, codes.data(), CodeType::u8),
               ShapeError);
  EXPECT_THROW(count_thresholds(Tensor({2, 4}, parse_format("float32")), thresholds, codes.data(), CodeType::u8),
               ShapeError);
  EXPECT_THROW(count_thresholds(Tensor({2, 4}, parse_format("q8.0s")), thresholds, codes.data(), CodeType::i8),
               ShapeError);
}

}  // namespace
}  // namespace dyadic
