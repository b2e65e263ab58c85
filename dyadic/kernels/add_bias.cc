#include "dyadic/kernels/add_bias.h"

#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/decode.h"
#include "dyadic/kernels/epilogue.h"

namespace dyadic {
RoundingCounts add_bias(const Tensor& input, const Tensor& bias, Tensor& output, const RoundingRandom& random) {
  const std::int64_t columns = bias.size();
  if (columns == 0 || input.shape().back() != columns) {
    throw ShapeError("bias " + shape_text(bias.shape()) + " cannot be added to " + shape_text(input.shape()));
  }
  const bool integer = input.format().is_dyadic_grid();
  if (integer != bias.format().is_dyadic_grid()) {
    throw UsageError("bias: format " + format_name(bias.format()) + " cannot be added to " +
                     format_name(input.format()));
  }
  PreparedBias prepared;
  if (integer) prepared.prepare_integer(bias, 0, input.format().step_exponent);
  else prepared.prepare_float(bias, 0);
  const BiasRow bias_row = integer ? prepared.row(0) : BiasRow{};
  std::vector<RoundingCounts> parts(static_cast<std::size_t>(thread_count()));
  const auto output_bytes = code_bytes(code_type(output.format()));
  constexpr std::int64_t kGrain = 64;
  parallel_for(input.size() / columns, kGrain, [&](std::int64_t begin, std::int64_t end, int part) {
    std::vector<std::int64_t> steps(static_cast<std::size_t>(integer ? columns : 0));
    std::vector<float> values(static_cast<std::size_t>(integer ? 0 : columns));
    RoundingCounts& counts = parts[static_cast<std::size_t>(part)];
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t first = row * columns;
      void* codes = static_cast<std::byte*>(output.data()) + first * output_bytes;
      const RoundingRandom bits = {random.stream, random.first_index + static_cast<std::uint64_t>(first)};
      if (integer) {
        decode_steps(input.data(), input.format(), first, columns, steps.data());
        counts +=
            round_sums(steps.data(), columns, input.format().step_exponent, &bias_row, output.format(), codes, bits);
      } else {
        const auto* from = static_cast<const std::byte*>(input.data()) + first * code_bytes(code_type(input.format()));
        dequantize(from, columns, input.format(), values.data());
        counts += round_sums(values.data(), columns, prepared.values(0), output.format(), codes, bits);
      }
    }
  });
  RoundingCounts sum;
  for (const RoundingCounts& part : parts) sum += part;
  return sum;
}

}  // namespace dyadic
