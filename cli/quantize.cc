#include "dyadic/kernels/quantize.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "cli/command.h"
#include "cli/json_line.h"
#include "dyadic/base/error.h"
#include "dyadic/formats/block.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/format.h"
#include "dyadic/io/npy.h"
#include "dyadic/kernels/elements.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic::cli {
namespace {

constexpr std::int64_t kFloatBits = 24;

// Before any file is opened: what is wrong with the format is wrong whatever the file.
Format wanted_format(const Arguments& arguments) {
  if (arguments.format.empty()) throw UsageError("quantize: --format is missing, for example --format q2.14:sat:sr");
  Format format = parse_format(arguments.format);
  const auto range = integer_option("--range", arguments.range, -48, 47);
  if (format.family == Family::exact) {
    throw UsageError("quantize: format 'exact' does not round; name one that does ('dyadic formats' lists them)");
  }
  if (range && format.family != Family::dynamic_fixed) {
    throw UsageError(fmt::format("quantize: --range belongs to dfx formats, not to '{}'", arguments.format));
  }
  if (range && format.has_range() && format.range != *range) {
    throw UsageError(
        fmt::format("quantize: --range is {}, but the format is '{}'; name one range", *range, arguments.format));
  }
  if (range) format = with_range(format, static_cast<int>(*range));
  if (format.family == Family::dynamic_fixed && !format.has_range()) {
    throw UsageError(
        fmt::format("quantize: format '{}' has no range; add --range R or write {}@R", arguments.format, format.name));
  }
  if (format.has_blocks() && arguments.codes) {
    throw UsageError(
        fmt::format("quantize: a code of '{}' means nothing without the exponent of its block; leave out "
                    "--codes",
                    format.name));
  }
  return format;
}

bool needs_float64(const Format& format) {
  return format.is_dyadic_grid() && format.max_magnitude() > std::int64_t{1} << kFloatBits;
}

// "[3, 17]" of the first element that `matches`, by its place in the shape.
std::string first_place(const Shape& shape, const std::function<bool(std::int64_t)>& matches) {
  const std::int64_t n = element_count(shape);
  std::int64_t index = 0;
  while (index < n && !matches(index)) ++index;
  std::string text;
  for (auto extent = shape.rbegin(); extent != shape.rend() && index < n; ++extent) {
    text = std::to_string(index % *extent) + (text.empty() ? "" : ", ") + text;
    index /= *extent;
  }
  return "[" + text + "]";
}

template <typename T>
RoundingCounts round_into(const std::vector<T>& values, const RoundingRandom& random, Tensor& rounded) {
  const Format& format = rounded.format();
  if (!format.has_blocks()) return quantize(values.data(), rounded.size(), format, rounded.data(), random);
  const std::vector<double> wide(values.begin(), values.end());
  return write_elements(wide.data(), 0, rounded.size(), format, random.stream, rounded);
}

template <typename T>
RoundingCounts quantize_values(const std::vector<T>& values, const NpyArray& array, const RoundingRandom& random,
                               const Arguments& arguments, Tensor& rounded) {
  const Format& format = rounded.format();
  const std::string& path = arguments.positionals[0];
  const auto value = [&](std::int64_t i) { return static_cast<double>(values[static_cast<std::size_t>(i)]); };
  RoundingCounts counts;
  try {
    counts = round_into(values, random, rounded);
  } catch (const NonFiniteError&) {  // Overflow::error, which knows neither file nor place
    // Only blocks of the largest exponent overflow.
    Format saturating = format.has_blocks() ? block_grid(format, kLargestBlockExponent) : format;
    saturating.overflow = Overflow::sat;
    const int bits = random_bits_per_element(format.rounding);
    const auto overflows = [&](std::int64_t i) {
      const auto index = static_cast<std::uint64_t>(i);
      return encode(saturating, value(i), bits == 0 ? 0 : random_bits(random.stream, index, bits)).overflowed;
    };
    throw NonFiniteError(fmt::format("{}: element {} is beyond the limits of {}; use overflow 'sat'", path,
                                     first_place(array.shape, overflows), format_name(format)));
  }
  if (!format.has_nan() && counts.nonfinite > 0 && !counts_nonfinite(arguments)) {
    const auto is_nan = [&](std::int64_t i) { return std::isnan(value(i)); };
    throw NonFiniteError(
        fmt::format("{}: element {} is NaN, which {} cannot hold ({} in all; --on-nonfinite=count stores zeros)", path,
                    first_place(array.shape, is_nan), format_name(format), counts.nonfinite));
  }
  return counts;
}

template <typename T>
void write_codes(const std::string& path, const Tensor& rounded) {
  write_npy<T>(path, rounded.shape(), rounded.codes<T>());
}

void write_output(const Arguments& arguments, const Tensor& rounded) {
  const std::string& path = arguments.positionals[1];
  const Format& format = rounded.format();
  const CodeType type = code_type(format);
  const auto n = static_cast<std::size_t>(rounded.size());
  if (arguments.codes) {
    // In the order of CodeType; a float32's code is its bit pattern.
    constexpr decltype(&write_codes<std::int8_t>) kWriters[] = {
        write_codes<std::int8_t>,  write_codes<std::uint8_t>,  write_codes<std::int16_t>, write_codes<std::uint16_t>,
        write_codes<std::int32_t>, write_codes<std::uint32_t>, write_codes<std::uint32_t>};
    kWriters[static_cast<std::size_t>(type)](path, rounded);
  } else if (format.has_blocks()) {
    std::vector<double> values(n);
    read_elements(rounded, 0, rounded.size(), values.data());
    write_npy<float>(path, rounded.shape(), std::vector<float>(values.begin(), values.end()));
  } else if (needs_float64(format)) {
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = decode(format, rounded.code(static_cast<std::int64_t>(i)));
    write_npy<double>(path, rounded.shape(), values);
  } else {
    std::vector<float> values(n);
    dequantize(rounded.data(), rounded.size(), format, values.data());
    write_npy<float>(path, rounded.shape(), values);
  }
}

void print_counts(const Arguments& arguments, const Format& format, const RoundingCounts& counts) {
  if (arguments.json) {
    JsonLine line;
    line.text("event", "quantized").text("format", format_name(format)).text("output", arguments.positionals[1]);
    line.integer("elements", counts.elements).integer("overflowed", counts.overflowed);
    line.integer("largest", counts.largest).integer("zeros", counts.zeros).integer("nonfinite", counts.nonfinite);
    fmt::print("{}\n", line.str());
  } else if (!arguments.quiet) {
    fmt::print(stderr, "{} values in {}: {} beyond the limits, {} at the limit, {} zero, {} not finite\n",
               counts.elements, format_name(format), counts.overflowed, counts.largest, counts.zeros, counts.nonfinite);
  }
}

}  // namespace

ExitCode run_quantize(const Arguments& arguments) {
  const Format format = wanted_format(arguments);
  const auto seed = integer_option("--seed", arguments.seed, 0, std::numeric_limits<std::int64_t>::max());
  static_cast<void>(counts_nonfinite(arguments));
  const RoundingRandom random{.stream = {.seed = static_cast<std::uint64_t>(seed.value_or(0))}};

  const NpyArray array = read_npy(arguments.positionals[0]);
  Tensor rounded(array.shape, format);
  const RoundingCounts counts = std::visit(
      [&](const auto& values) { return quantize_values(values, array, random, arguments, rounded); }, array.values);
  write_output(arguments, rounded);
  print_counts(arguments, format, counts);
  return ExitCode::done;
}

}  // namespace dyadic::cli
