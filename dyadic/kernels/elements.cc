#include "dyadic/kernels/elements.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/kernels/blocks.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

constexpr std::int64_t kElementsPiece = 2048;  // whole blocks

void check_whole_blocks(const Tensor& tensor, std::int64_t first, std::int64_t n) {
  const std::int64_t size = tensor.format().block_size;
  if (first % size == 0 && (first + n == tensor.size() || n % size == 0)) return;
  throw ShapeError("elements " + std::to_string(first) + " to " + std::to_string(first + n) + " of " +
                   tensor.format().name + " are not whole blocks");
}

void read_compressed(const Tensor& tensor, std::int64_t first, std::int64_t n, double* values) {
  std::array<std::byte, kElementsPiece * 2> codes;  // discrete codes take two bytes at most
  for (std::int64_t i = 0; i < n; i += kElementsPiece) {
    const std::int64_t count = std::min(kElementsPiece, n - i);
    tensor.read(first + i, count, codes.data());
    decode_values(codes.data(), tensor.format(), 0, count, values + i);
  }
}

}  // namespace

void read_elements(const Tensor& tensor, std::int64_t first, std::int64_t n, double* values) {
  reread_elements(tensor, tensor.format(), first, n, values);
}

void reread_elements(const Tensor& tensor, const Format& to, std::int64_t first, std::int64_t n, double* values) {
  if (tensor.is_compressed()) return read_compressed(tensor, first, n, values);
  if (!to.has_blocks()) return decode_values(tensor.data(), to, first, n, values);
  check_whole_blocks(tensor, first, n);
  const auto* codes = static_cast<const std::byte*>(tensor.data()) + first * code_bytes(code_type(to));
  decode_blocks(codes, tensor.exponents().data() + first / to.block_size, to, n, values);
}

RoundingCounts write_elements(const double* values, std::int64_t first, std::int64_t n, const Format& to,
                              const RandomStream& stream, Tensor& tensor) {
  auto* codes = static_cast<std::byte*>(tensor.data()) + first * code_bytes(code_type(to));
  const RoundingRandom random = {.stream = stream, .first_index = static_cast<std::uint64_t>(first)};
  if (!to.has_blocks()) return quantize(values, n, to, codes, random);
  check_whole_blocks(tensor, first, n);
  return quantize_blocks(values, n, to, codes, tensor.exponents().data() + first / to.block_size, random);
}

RoundingCounts requantize(const Tensor& from, const RandomStream& stream, Tensor& to) {
  if (!from.format().has_blocks() && !to.format().has_blocks() && !from.is_compressed()) {
    return requantize(from.data(), from.format(), from.size(), to.format(), to.data(), {.stream = stream});
  }
  RoundingCounts counts;
  std::array<double, kElementsPiece> values;
  for (std::int64_t first = 0; first < from.size(); first += kElementsPiece) {
    const std::int64_t n = std::min(kElementsPiece, from.size() - first);
    read_elements(from, first, n, values.data());
    counts += write_elements(values.data(), first, n, to.format(), stream, to);
  }
  return counts;
}

}  // namespace dyadic
