#include "dyadic/data/image_page.h"

#include <zlib.h>

#include <algorithm>
#include <string_view>

#include "dyadic/base/big_endian.h"
#include "dyadic/base/error.h"

namespace dyadic {

namespace {

/// Length, type, data, CRC over type and data (PNG specification, section 5).
void append_chunk(std::vector<std::uint8_t>& png, std::string_view type, const std::vector<std::uint8_t>& data) {
  append_big_endian(png, static_cast<std::uint32_t>(data.size()));
  const std::size_t covered = png.size();
  png.insert(png.end(), type.begin(), type.end());
  png.insert(png.end(), data.begin(), data.end());
  append_big_endian(
      png, static_cast<std::uint32_t>(crc32(0, png.data() + covered, static_cast<uInt>(png.size() - covered))));
}

int bits_for(int levels) {
  for (const int bits : {1, 2, 4, 8}) {
    if (levels == 1 << bits) return bits;
  }
  throw UsageError("PNG: " + std::to_string(levels) + " levels: 2, 4, 16 or 256 can be written");
}

std::vector<std::uint8_t> deflated(const std::vector<std::uint8_t>& raw) {
  uLongf size = compressBound(static_cast<uLong>(raw.size()));
  std::vector<std::uint8_t> out(size);
  if (compress2(out.data(), &size, raw.data(), static_cast<uLong>(raw.size()), Z_BEST_COMPRESSION) != Z_OK) {
    throw Error("PNG: zlib could not compress the page");
  }
  out.resize(size);
  return out;
}

}  // namespace

Page sample_page(const ImageSet& set, std::int64_t across, std::int64_t down) {
  const bool is_image = set.shape.size() == 3 && (set.shape[2] == 1 || set.shape[2] == 3) && !set.is_float();
  if (!is_image || across < 1 || down < 1 || set.count() < across * down) {
    throw ShapeError(set.name + ": a page of " + std::to_string(across) + " x " + std::to_string(down) +
                     " needs as many images of bytes in one or three channels, found " + std::to_string(set.count()) +
                     " of shape " + shape_text(set.shape));
  }
  const std::int64_t height = set.shape[0];
  const std::int64_t width = set.shape[1];
  const std::int64_t channels = set.shape[2];
  Page page{down * height, across * width, {}, channels};
  page.pixels.resize(static_cast<std::size_t>(page.rows * page.columns * channels));
  for (std::int64_t i = 0; i < across * down; ++i) {
    const auto image = set.example(i);
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width * channels; ++x) {
        const std::int64_t to = ((i / across * height + y) * page.columns + i % across * width) * channels + x;
        const int value = image[static_cast<std::size_t>(y * width * channels + x)];
        page.pixels[static_cast<std::size_t>(to)] = static_cast<std::uint8_t>(channels == 1 ? 255 - value : value);
      }
    }
  }
  return page;
}

namespace {

/// Rows of packed grey levels.
std::vector<std::uint8_t> grey_lines(const Page& page, int bits, int levels) {
  std::vector<std::uint8_t> raw;
  for (std::int64_t y = 0; y < page.rows; ++y) {
    raw.push_back(0);  // this row: no filter
    int free_bits = 0;
    for (std::int64_t x = 0; x < page.columns; ++x) {
      if (free_bits == 0) {
        raw.push_back(0);
        free_bits = 8;
      }
      free_bits -= bits;
      const int value = page.pixels[static_cast<std::size_t>(y * page.columns + x)];
      const int level = (value * (levels - 1) + 127) / 255;
      raw.back() = static_cast<std::uint8_t>(raw.back() | level << free_bits);
    }
  }
  return raw;
}

std::vector<std::uint8_t> colour_lines(const Page& page, int levels) {
  std::vector<std::uint8_t> raw;
  const std::int64_t width = page.columns * page.channels;
  for (std::int64_t y = 0; y < page.rows; ++y) {
    raw.push_back(0);  // this row: no filter
    for (std::int64_t x = 0; x < width; ++x) {
      const int value = page.pixels[static_cast<std::size_t>(y * width + x)];
      raw.push_back(static_cast<std::uint8_t>((value * (levels - 1) + 127) / 255 * 255 / (levels - 1)));
    }
  }
  return raw;
}

}  // namespace

std::vector<std::uint8_t> png_bytes(const Page& page, int levels) {
  constexpr std::uint8_t kGrey = 0;
  constexpr std::uint8_t kColour = 2;
  const int bits = bits_for(levels);
  const bool is_grey = page.channels == 1;
  std::vector<std::uint8_t> header;
  append_big_endian(header, static_cast<std::uint32_t>(page.columns));
  append_big_endian(header, static_cast<std::uint32_t>(page.rows));
  header.push_back(static_cast<std::uint8_t>(is_grey ? bits : 8));
  header.push_back(is_grey ? kGrey : kColour);
  header.insert(header.end(), {0, 0, 0});  // deflate, adaptive filters, not interlaced
  const std::vector<std::uint8_t> raw = is_grey ? grey_lines(page, bits, levels) : colour_lines(page, levels);

  std::vector<std::uint8_t> png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", deflated(raw));
  append_chunk(png, "IEND", {});
  return png;
}

}  // namespace dyadic
