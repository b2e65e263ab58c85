// ZCA whitening of images after global contrast normalisation, as pylearn2 prepares CIFAR-10; exact definition in
// docs/data.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

struct WhiteningOptions {
  double norm = 55;   // of each image after contrast normalisation
  double bias = 0.1;  // added to every eigenvalue of the covariance
  // How the work is cut. The order of float64 additions depends on it, and so may the last bits: prepared sets have
  // those of these numbers, which are for tests to change.
  std::int64_t images_at_once = 1000;
  std::int64_t columns_at_once = 256;  // one thread's part of a matrix
};

/// The mean m and the symmetric matrix P = (C + bias * I)^(-1/2) of a training set, C the covariance of its contrast
/// normalised images; an image x becomes (x - m) P. The same bits for any number of threads.
class Whitening {
 public:
  /// Fits it. `train` is a set of bytes. Besides `train` itself it needs 2 n^2 + images_at_once * n doubles, n =
  /// train.values(): 170 MiB for images of 32x32x3.
  explicit Whitening(const ImageSet& train, const WhiteningOptions& options = {});

  /// Examples first .. first + count - 1 of a set of bytes of the same shape; `out` holds count * values() floats.
  void apply(const ImageSet& set, std::int64_t first, std::int64_t count, std::span<float> out) const;

  /// P, which is symmetric, column by column.
  [[nodiscard]] std::span<const double> matrix() const { return matrix_; }

 private:
  WhiteningOptions options_;
  std::vector<double> mean_;
  std::vector<double> matrix_;  // n x n
};

}  // namespace dyadic
