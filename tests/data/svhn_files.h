// Small files in the form of SVHN, written by matio.
#pragma once

#include <gtest/gtest.h>
#include <matio.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/data/test_files.h"

namespace dyadic::test {

/// What pixel(image, row, column, colour) gives, as X of `images` images, and y. `labels_first`: y before X.
template <typename Pixel>
void write_svhn_mat(const std::string& path, const Pixel& pixel, std::size_t images, std::vector<double> labels,
                    bool labels_first = false, std::size_t side = 32) {
  Bytes values(side * 32 * 3 * images);
  for (std::size_t n = 0; n < images; ++n) {
    for (std::size_t i = 0; i < side * 32 * 3; ++i) {
      values[n * side * 32 * 3 + i] = pixel(n, i % side, i / side % 32, i / side / 32);
    }
  }
  mat_t* file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  std::array<std::size_t, 4> x_extents = {side, 32, 3, images};
  std::array<std::size_t, 2> y_extents = {labels.size(), 1};
  matvar_t* x = Mat_VarCreate("X", MAT_C_UINT8, MAT_T_UINT8, 4, x_extents.data(), values.data(), 0);
  matvar_t* y = Mat_VarCreate("y", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, y_extents.data(), labels.data(), 0);
  for (matvar_t* variable : {labels_first ? y : x, labels_first ? x : y}) {
    EXPECT_EQ(Mat_VarWrite(file, variable, MAT_COMPRESSION_ZLIB), 0);
    Mat_VarFree(variable);
  }
  Mat_Close(file);
}

}  // namespace dyadic::test
