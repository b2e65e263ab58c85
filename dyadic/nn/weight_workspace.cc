#include "dyadic/nn/weight_workspace.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "dyadic/kernels/quantize.h"

namespace dyadic {
namespace {

constexpr std::int64_t kDecodedPiece = 4096;  // codes on their way to float32

std::byte* at_least(AlignedVector<std::byte>& memory, std::int64_t bytes) {
  if (static_cast<std::int64_t>(memory.capacity()) < bytes) {
    AlignedVector<std::byte>().swap(memory);  // first: growth never holds both (= {} would keep the memory)
  }
  if (std::ssize(memory) < bytes) memory.resize(static_cast<std::size_t>(bytes));
  return memory.data();
}

}  // namespace

const void* WeightWorkspace::codes(const Tensor& tensor) {
  if (!tensor.is_compressed()) return tensor.data();
  std::byte* codes = at_least(memory_, tensor.size() * code_bytes(code_type(tensor.format())));
  tensor.read(0, tensor.size(), codes);
  return codes;
}

const float* WeightWorkspace::values(const Tensor& tensor, int scale_exponent) {
  const CodeType type = code_type(tensor.format());
  if (type == CodeType::f32 && scale_exponent == 0) return tensor.codes<float>().data();
  auto* values = reinterpret_cast<float*>(at_least(memory_, tensor.size() * static_cast<std::int64_t>(sizeof(float))));
  if (tensor.is_compressed()) {
    std::array<std::byte, kDecodedPiece * 4> codes;
    for (std::int64_t first = 0; first < tensor.size(); first += kDecodedPiece) {
      const std::int64_t count = std::min(kDecodedPiece, tensor.size() - first);
      tensor.read(first, count, codes.data());
      dequantize(codes.data(), count, tensor.format(), values + first);
    }
  } else {
    dequantize(tensor.data(), tensor.size(), tensor.format(), values);
  }
  if (scale_exponent != 0) {
    const float scale = std::ldexp(1.0F, scale_exponent);
    for (std::int64_t i = 0; i < tensor.size(); ++i) values[i] *= scale;
  }
  return values;
}

void WeightWorkspace::lend(Tensor& tensor) {
  if (tensor.bytes() == 0) tensor.swap_memory(memory_);
}

void WeightWorkspace::take_back(Tensor& tensor) {
  AlignedVector<std::byte> memory;
  tensor.swap_memory(memory);
  if (memory.capacity() > memory_.capacity()) memory_.swap(memory);
  tensor = Tensor();
}

}  // namespace dyadic
