// Copies of what the products of a convolution read, a few kilobytes at a time.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/convolution_plan.h"

namespace dyadic::convolution {
namespace {

/// Columns that are neighbours in a row of the picture: channels of one tap, or all of several taps side by side.
struct Run {
  std::int64_t tap_h = 0;
  std::int64_t from = 0;  // in codes, from the pixel that the grid's position names
  std::int64_t length = 0;
};

std::vector<Run> runs_of(const Picture& picture, std::int64_t begin, std::int64_t end) {
  std::vector<Run> runs;
  const std::int64_t taps_w = picture.w.taps();
  for (std::int64_t column = begin; column < end;) {
    const std::int64_t tap = column / picture.channels;
    const std::int64_t channel = column % picture.channels;
    const std::int64_t length = std::min(picture.channels - channel, end - column);
    const std::int64_t from = picture.w.first[static_cast<std::size_t>(tap % taps_w)] * picture.pixel_stride +
                              picture.channel_begin + channel;
    const bool joins = !runs.empty() && picture.channels == picture.pixel_stride && tap % taps_w != 0 &&
                       runs.back().tap_h == tap / taps_w && runs.back().from + runs.back().length == from;
    if (joins) runs.back().length += length;
    else runs.push_back({tap / taps_w, from, length});
    column += length;
  }
  return runs;
}

template <typename Code>
struct Moved {
  using To = Code;
  static void copy(const Picture& /*picture*/, const Code* from, std::int64_t n, To* to) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(Code));
  }
  static To zero(const Picture& picture) { return static_cast<To>(picture.zero_code); }
};

template <typename Code>
struct Decoded {
  using To = std::int32_t;
  static void copy(const Picture& picture, const Code* from, std::int64_t n, To* to) {
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = static_cast<To>(picture.multiplier * static_cast<std::int64_t>(from[i]) - picture.offset);
    }
  }
  static To zero(const Picture& /*picture*/) { return 0; }
};

/// [pixel][column] of pixels and columns begin .. end.
template <typename Code, template <typename> class Kind>
void copy_pixels(const Picture& picture, const Part& pixels, const Part& columns, std::byte* to) {
  using To = typename Kind<Code>::To;
  const std::vector<Run> runs = runs_of(picture, columns.begin, columns.end);
  const std::int64_t row_codes = picture.w.extent * picture.pixel_stride;
  const std::int64_t image_codes = picture.h.extent * row_codes;
  const To zero = Kind<Code>::zero(picture);
  auto* out = reinterpret_cast<To*>(to);
  std::int64_t w = pixels.begin % picture.w.positions;
  std::int64_t h = pixels.begin / picture.w.positions % picture.h.positions;
  const Code* image =
      static_cast<const Code*>(picture.codes) + pixels.begin / picture.w.positions / picture.h.positions * image_codes;
  for (std::int64_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
    const std::int64_t at = w * picture.w.step * picture.pixel_stride;
    for (const Run& run : runs) {
      const std::int64_t row = h * picture.h.step + picture.h.first[static_cast<std::size_t>(run.tap_h)];
      const bool exists = row >= 0 && row < picture.h.extent;
      // Beyond the row on either side lies padding, channel by channel.
      const std::int64_t from = at + run.from;
      const std::int64_t first = exists ? std::clamp<std::int64_t>(-from, 0, run.length) : run.length;
      const std::int64_t last = exists ? std::clamp<std::int64_t>(row_codes - from, first, run.length) : run.length;
      if (first > 0) std::fill_n(out, first, zero);
      if (last > first) Kind<Code>::copy(picture, image + row * row_codes + from + first, last - first, out + first);
      if (last < run.length) std::fill_n(out + last, run.length - last, zero);
      out += run.length;
    }
    if (++w < picture.w.positions) continue;
    w = 0;
    if (++h < picture.h.positions) continue;
    h = 0;
    image += image_codes;
  }
}

template <typename Code, template <typename> class Kind>
void copy_rows(const void* context, std::int64_t row_begin, std::int64_t row_end, std::int64_t depth_begin,
               std::int64_t depth_end, std::byte* to) {
  copy_pixels<Code, Kind>(*static_cast<const Picture*>(context), {row_begin, row_end}, {depth_begin, depth_end}, to);
}

template <typename Code, template <typename> class Kind>
void copy_columns(const void* context, std::int64_t row_begin, std::int64_t row_end, std::int64_t depth_begin,
                  std::int64_t depth_end, std::byte* to) {
  copy_pixels<Code, Kind>(*static_cast<const Picture*>(context), {depth_begin, depth_end}, {row_begin, row_end}, to);
}

void copy_by_output(const void* context, std::int64_t row_begin, std::int64_t row_end, std::int64_t depth_begin,
                    std::int64_t depth_end, std::byte* to) {
  const Weights& weights = *static_cast<const Weights*>(context);
  const std::int64_t bytes = code_bytes(weights.type);
  const auto* codes = static_cast<const std::byte*>(weights.codes);
  for (std::int64_t o = row_begin; o < row_end; ++o) {
    for (std::int64_t k = depth_begin; k < depth_end;) {
      const std::int64_t i = k % weights.channels;
      const std::int64_t n = std::min(weights.channels - i, depth_end - k);
      const std::int64_t from =
          o * weights.output_stride + weights.taps[static_cast<std::size_t>(k / weights.channels)] + i;
      std::memcpy(to, codes + from * bytes, static_cast<std::size_t>(n * bytes));
      to += n * bytes;
      k += n;
    }
  }
}

void copy_by_channel(const void* context, std::int64_t row_begin, std::int64_t row_end, std::int64_t depth_begin,
                     std::int64_t depth_end, std::byte* to) {
  const Weights& weights = *static_cast<const Weights*>(context);
  const std::int64_t bytes = code_bytes(weights.type);
  const auto* codes = static_cast<const std::byte*>(weights.codes);
  const std::int64_t run = (row_end - row_begin) * bytes;
  for (std::int64_t k = depth_begin; k < depth_end; ++k, to += run) {
    const std::int64_t from = k % weights.outputs * weights.output_stride +
                              weights.taps[static_cast<std::size_t>(k / weights.outputs)] + row_begin;
    std::memcpy(to, codes + from * bytes, static_cast<std::size_t>(run));
  }
}

template <template <typename> class Kind, bool kRows>
product::Gather::Copy copy_of(CodeType type) {
  using Copy = product::Gather::Copy;
#define DYADIC_COPY(Code) (kRows ? &copy_rows<Code, Kind> : &copy_columns<Code, Kind>)
  constexpr Copy kCopies[] = {DYADIC_COPY(std::int8_t),   DYADIC_COPY(std::uint8_t), DYADIC_COPY(std::int16_t),
                              DYADIC_COPY(std::uint16_t), DYADIC_COPY(std::int32_t), DYADIC_COPY(std::uint32_t),
                              DYADIC_COPY(float)};
#undef DYADIC_COPY
  return kCopies[static_cast<int>(type)];
}

/// The least number with the sign bit cleared that is neither zero nor beyond the finite ones, less one; and whether
/// all are finite. Magnitudes of floats order like their bits.
struct Scan {
  std::uint32_t least = ~0U;
  bool finite = true;
};

Scan scan(const float* values, std::int64_t n) {
  constexpr std::uint32_t kInfinity = 0x7F800000U;
  std::vector<Scan> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(n, 64 * 1024, [&](std::int64_t begin, std::int64_t end, int part) {
    // Signed comparisons, which every vector unit has: zeros wrap to -1 and are mapped to the largest.
    std::int32_t least = std::numeric_limits<std::int32_t>::max();
    std::int32_t largest = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const auto magnitude = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU);
      const std::int32_t or_largest = magnitude == 0 ? std::numeric_limits<std::int32_t>::max() : magnitude;
      least = or_largest < least ? or_largest : least;
      largest = magnitude > largest ? magnitude : largest;
    }
    parts[static_cast<std::size_t>(part)] = {static_cast<std::uint32_t>(least),
                                             static_cast<std::uint32_t>(largest) < kInfinity};
  });
  Scan all;
  for (const Scan& part : parts) {
    all.least = std::min(all.least, part.least);
    all.finite = all.finite && part.finite;
  }
  return all;
}

}  // namespace

product::Gather Picture::gather(bool pixels_are_rows) const {
  product::Gather out;
  out.context = this;
  out.across = !pixels_are_rows;
  out.copy = pixels_are_rows ? (decodes ? copy_of<Decoded, true>(type) : copy_of<Moved, true>(type))
                             : (decodes ? copy_of<Decoded, false>(type) : copy_of<Moved, false>(type));
  return out;
}

product::Gather Weights::by_output() const { return {this, &copy_by_output, false}; }
product::Gather Weights::by_channel() const { return {this, &copy_by_channel, true}; }

bool zeros_are_harmless(const float* padded, std::int64_t padded_size, const float* other, std::int64_t other_size) {
  const Scan of_other = scan(other, other_size);
  if (!of_other.finite) return false;
  const Scan of_padded = scan(padded, padded_size);
  // An operand of zeros alone: no product but zero, no sum but +0. An infinity or NaN as least is harmless, too.
  if (of_padded.least >= 0x7F800000U || of_other.least >= 0x7F800000U) return true;
  return static_cast<double>(std::bit_cast<float>(of_padded.least)) *
             static_cast<double>(std::bit_cast<float>(of_other.least)) >=
         0x1p-100;
}

}  // namespace dyadic::convolution
