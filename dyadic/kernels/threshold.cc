#include "dyadic/kernels/threshold.h"

#include <algorithm>
#include <array>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"

namespace dyadic {
namespace {

/// Channels whose sums and counts stay in registers or the nearest cache while all thresholds pass.
constexpr std::int64_t kThresholdStretch = 64;
constexpr std::int64_t kThresholdPiece = 4096;

/// Codes of n neighbouring channels from `channel` on.
template <typename Sum, typename Code>
void count_row(const Sum* z, std::int64_t channel, std::int64_t n, const ChannelThresholds& thresholds, Code* codes) {
  std::array<std::int32_t, kThresholdStretch> directed;
  std::array<std::int32_t, kThresholdStretch> count;
  for (std::int64_t first = 0; first < n; first += kThresholdStretch) {
    const auto stretch = static_cast<std::size_t>(std::min(kThresholdStretch, n - first));
    const std::int32_t* direction = thresholds.directions.data() + channel + first;
    const std::int32_t* value = thresholds.values.data() + channel + first;
    for (std::size_t j = 0; j < stretch; ++j)
      directed[j] = direction[j] * static_cast<std::int32_t>(z[first + static_cast<std::int64_t>(j)]);
    count.fill(0);
    for (std::int64_t step = 0; step < thresholds.steps; ++step, value += thresholds.channels) {
      for (std::size_t j = 0; j < stretch; ++j) count[j] += directed[j] >= value[j] ? 1 : 0;
    }
    for (std::size_t j = 0; j < stretch; ++j) codes[first + static_cast<std::int64_t>(j)] = static_cast<Code>(count[j]);
  }
}

template <typename Sum, typename Code>
void count_rows(const Tensor& z, const ChannelThresholds& thresholds, void* codes) {
  const std::int64_t channels = thresholds.channels;
  const auto* from = static_cast<const Sum*>(z.data());
  auto* to = static_cast<Code*>(codes);
  parallel_for(z.size() / channels, std::max<std::int64_t>(1, kThresholdPiece / channels),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   count_row(from + row * channels, 0, channels, thresholds, to + row * channels);
                 }
               });
}

template <typename Code>
void count_tensor(const Tensor& z, const ChannelThresholds& thresholds, void* codes) {
  switch (code_type(z.format())) {
    case CodeType::i8: return count_rows<std::int8_t, Code>(z, thresholds, codes);
    case CodeType::i16: return count_rows<std::int16_t, Code>(z, thresholds, codes);
    case CodeType::i32: return count_rows<std::int32_t, Code>(z, thresholds, codes);
    default: throw ShapeError("thresholds: sums are signed integers, not " + format_name(z.format()));
  }
}

template <typename Code>
void count_tile(const SumTile& tile, const ChannelThresholds& thresholds, void* codes) {
  const auto* sums = static_cast<const std::int32_t*>(tile.sums);
  auto* to = static_cast<Code*>(codes);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    count_row(sums + row * tile.stride, tile.column, tile.columns, thresholds,
              to + tile.output_row(row) * thresholds.channels + tile.column);
  }
}

void check_code_type(CodeType type) {
  if (type != CodeType::u8 && type != CodeType::u16) {
    throw ShapeError("thresholds: codes are unsigned integers of 8 or 16 bits");
  }
}

}  // namespace

void count_thresholds(const Tensor& z, const ChannelThresholds& thresholds, void* codes, CodeType type) {
  check_code_type(type);
  if (z.empty()) return;
  if (z.shape().back() != thresholds.channels) {
    throw ShapeError("thresholds of " + std::to_string(thresholds.channels) + " channels for sums " +
                     shape_text(z.shape()));
  }
  if (type == CodeType::u8) count_tensor<std::uint8_t>(z, thresholds, codes);
  else count_tensor<std::uint16_t>(z, thresholds, codes);
}

void ThresholdEpilogue::consume(void* self, const SumTile& tile, int /*part*/) {
  const auto& epilogue = *static_cast<const ThresholdEpilogue*>(self);
  check_code_type(epilogue.type_);
  if (tile.type != SumType::i32) throw ShapeError("thresholds: sums of a product must be int32");
  if (epilogue.type_ == CodeType::u8) count_tile<std::uint8_t>(tile, epilogue.thresholds_, epilogue.codes_);
  else count_tile<std::uint16_t>(tile, epilogue.thresholds_, epilogue.codes_);
}

}  // namespace dyadic
