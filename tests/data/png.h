// What a PNG file of this project's writer holds: compared unpacked, because other versions of zlib may pack the same
// page differently.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/data/test_files.h"

namespace dyadic::test {

/// The bytes of the only IDAT chunk, which follows the signature and IHDR, unpacked; at most 2 MiB.
inline Bytes png_scan_lines(const Bytes& png) {
  const std::size_t at = 8 + 25;
  const std::size_t size = std::size_t{png.at(at)} << 24 | std::size_t{png.at(at + 1)} << 16 |
                           std::size_t{png.at(at + 2)} << 8 | png.at(at + 3);
  Bytes raw(std::size_t{2} << 20);
  uLongf length = raw.size();
  EXPECT_EQ(uncompress(raw.data(), &length, &png.at(at + 8), size), Z_OK);
  raw.resize(length);
  return raw;
}

}  // namespace dyadic::test
