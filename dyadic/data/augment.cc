#include "dyadic/data/augment.h"

#include <algorithm>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/nn/role.h"

namespace dyadic {

namespace {

int offset(std::uint32_t word, int pad) {
  const std::uint64_t places = 2 * static_cast<std::uint64_t>(pad) + 1;
  return static_cast<int>(word * places >> 32) - pad;
}

template <typename T>
void move_example(std::span<const T> in, const Shape& shape, const AugmentMove& move, std::span<T> out) {
  const std::int64_t size = element_count(shape);
  if (shape.size() != 3 || static_cast<std::int64_t>(in.size()) != size ||
      static_cast<std::int64_t>(out.size()) != size) {
    throw ShapeError("augmentation: examples are rows x columns x channels, not " + shape_text(shape) + " in " +
                     std::to_string(in.size()) + " and " + std::to_string(out.size()) + " values");
  }
  const std::int64_t rows = shape[0];
  const std::int64_t columns = shape[1];
  const std::int64_t channels = shape[2];
  auto to = out.begin();
  for (std::int64_t y = 0; y < rows; ++y) {
    const std::int64_t from_row = y + move.down;
    for (std::int64_t x = 0; x < columns; ++x) {
      const std::int64_t from_column = (move.mirrored ? columns - 1 - x : x) + move.right;
      const bool is_inside = from_row >= 0 && from_row < rows && from_column >= 0 && from_column < columns;
      to = is_inside ? std::copy_n(in.begin() + (from_row * columns + from_column) * channels, channels, to)
                     : std::fill_n(to, channels, T{0});
    }
  }
}

}  // namespace

RandomStream augment_stream(std::uint64_t seed, std::uint32_t step) {
  return {seed, step, stream_number(0, static_cast<std::uint32_t>(Role::input), RandomPurpose::augmentation)};
}

AugmentMove augment_move(const Augmentation& augmentation, const RandomStream& stream, std::uint64_t index) {
  if (augmentation.pad < 0 || augmentation.pad > kMostPad) {
    throw UsageError("augmentation: pad = " + std::to_string(augmentation.pad) + ", allowed are 0.." +
                     std::to_string(kMostPad));
  }
  return {.down = offset(random_bits(stream, 3 * index, 32), augmentation.pad),
          .right = offset(random_bits(stream, 3 * index + 1, 32), augmentation.pad),
          .mirrored = augmentation.flip && random_bits(stream, 3 * index + 2, 32) >= 0x80000000U};
}

void augment_example(std::span<const std::uint8_t> in, const Shape& shape, const AugmentMove& move,
                     std::span<std::uint8_t> out) {
  move_example(in, shape, move, out);
}

void augment_example(std::span<const float> in, const Shape& shape, const AugmentMove& move, std::span<float> out) {
  move_example(in, shape, move, out);
}

}  // namespace dyadic
