#include "tests/cli/small_digits.h"

#include <string_view>

#include "dyadic/base/philox.h"
#include "dyadic/io/file.h"

namespace dyadic {
namespace {

constexpr std::int64_t kSide = 28;

std::string big_endian(std::int64_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

void write_part(const std::string& folder, const std::string& part, std::int64_t count, std::uint32_t stream) {
  const RandomStream noise = {.seed = 1, .stream = stream};
  std::string images = big_endian(0x803) + big_endian(count) + big_endian(kSide) + big_endian(kSide);
  std::string labels = big_endian(0x801) + big_endian(count);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = i * 7 % 10;
    labels += static_cast<char>(label);
    for (std::int64_t pixel = 0; pixel < kSide * kSide; ++pixel) {
      const bool is_band = pixel / kSide / 2 == label + 2;
      const auto index = static_cast<std::uint64_t>(i * kSide * kSide + pixel);
      images += static_cast<char>((is_band ? 150 : 0) + random_bits(noise, index, 8) % 100);
    }
  }
  write_file_atomically(folder + "/" + part + "-images-idx3-ubyte", std::string_view(images));
  write_file_atomically(folder + "/" + part + "-labels-idx1-ubyte", std::string_view(labels));
}

}  // namespace

void write_small_digits(const std::string& directory) {
  const std::string folder = directory + "/digits";
  make_directories(folder);
  write_part(folder, "train", kSmallTrain, 1);
  write_part(folder, "t10k", kSmallTest, 2);
}

}  // namespace dyadic
