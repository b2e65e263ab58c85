// Products and the eigenvectors are Eigen's. Two of its habits would let a result depend on the machine and are turned
// off here: its own threads, and block sizes taken from the processor's caches. What remains is SSE2 arithmetic in a
// fixed order. Threads share out whole columns of results, in stripes of a fixed width.
#define EIGEN_DONT_PARALLELIZE
#include "dyadic/data/whitening.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/contrast.h"

namespace dyadic {

namespace {

using Matrix = Eigen::MatrixXd;
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void fix_block_sizes() {
  static const bool kDone = [] {
    Eigen::setCpuCacheSizes(std::ptrdiff_t{32} << 10, std::ptrdiff_t{512} << 10, std::ptrdiff_t{4} << 20);
    return true;
  }();
  static_cast<void>(kDone);
}

/// Contrast normalised images, rounded to float32 as the originals store them, minus `mean` if there is one.
void load_block(const ImageSet& set, std::int64_t first, std::int64_t count, double norm,
                const std::vector<double>& mean, Rows& block) {
  const Eigen::Index size = set.values();
  block.resize(count, size);
  parallel_for(count, 16, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::span<double> row(block.data() + i * size, static_cast<std::size_t>(size));
      normalise_to_norm(set.example(first + i), norm, row);
      for (std::size_t at = 0; at < row.size(); ++at) {
        const auto value = static_cast<double>(static_cast<float>(row[at]));
        row[at] = mean.empty() ? value : value - mean[at];
      }
    }
  });
}

/// Calls body(column, width) once for each stripe of `columns`, in an order that gives every thread long and short ones
/// where the work falls with the column.
template <typename Body>
void for_stripes(Eigen::Index columns, Eigen::Index at_once, const Body& body) {
  const Eigen::Index stripes = (columns + at_once - 1) / at_once;
  parallel_for(stripes, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Eigen::Index stripe = i % 2 == 0 ? i / 2 : stripes - 1 - i / 2;
      body(stripe * at_once, std::min(at_once, columns - stripe * at_once));
    }
  });
}

std::vector<double> mean_of(const ImageSet& train, const WhiteningOptions& options) {
  const Eigen::Index size = train.values();
  std::vector<double> sum(static_cast<std::size_t>(size), 0.0);
  Rows block;
  for (std::int64_t first = 0; first < train.count(); first += options.images_at_once) {
    load_block(train, first, std::min(options.images_at_once, train.count() - first), options.norm, {}, block);
    for_stripes(size, options.columns_at_once, [&](Eigen::Index column, Eigen::Index width) {
      for (Eigen::Index row = 0; row < block.rows(); ++row) {
        for (Eigen::Index at = column; at < column + width; ++at) sum[static_cast<std::size_t>(at)] += block(row, at);
      }
    });
  }
  for (double& value : sum) value /= static_cast<double>(train.count());
  return sum;
}

/// The lower triangle, and some of the rest; the solver looks at that triangle alone.
Matrix covariance_of(const ImageSet& train, const WhiteningOptions& options, const std::vector<double>& mean) {
  const Eigen::Index size = train.values();
  Matrix covariance = Matrix::Zero(size, size);
  Rows block;
  for (std::int64_t first = 0; first < train.count(); first += options.images_at_once) {
    load_block(train, first, std::min(options.images_at_once, train.count() - first), options.norm, mean, block);
    for_stripes(size, options.columns_at_once, [&](Eigen::Index column, Eigen::Index width) {
      const Eigen::Index below = size - column;
      covariance.block(column, column, below, width).noalias() +=
          block.rightCols(below).transpose() * block.middleCols(column, width);
    });
  }
  covariance /= static_cast<double>(train.count());
  return covariance;
}

}  // namespace

Whitening::Whitening(const ImageSet& train, const WhiteningOptions& options) : options_(options) {
  if (train.is_float() || train.count() == 0) throw ShapeError(train.name + ": whitening is fitted to images of bytes");
  fix_block_sizes();
  mean_ = mean_of(train, options);
  const Eigen::Index size = train.values();
  Matrix vectors;
  Eigen::VectorXd scales;
  {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance_of(train, options, mean_));
    if (solver.info() != Eigen::Success)
      throw Error(train.name + ": the eigenvalues of its covariance did not converge");
    scales = solver.eigenvalues();
    vectors = solver.eigenvectors();
  }
  // A covariance has no negative eigenvalue; rounding gives some of -1e-13. Fourth root: half goes to each factor
  // below.
  for (double& scale : scales) scale = std::sqrt(1.0 / std::sqrt(std::max(scale, 0.0) + options.bias));
  vectors = vectors * scales.asDiagonal();
  matrix_.resize(static_cast<std::size_t>(size * size));
  Eigen::Map<Matrix> matrix(matrix_.data(), size, size);
  for_stripes(size, options.columns_at_once, [&](Eigen::Index column, Eigen::Index width) {
    matrix.middleCols(column, width).noalias() = vectors * vectors.middleRows(column, width).transpose();
  });
}

void Whitening::apply(const ImageSet& set, std::int64_t first, std::int64_t count, std::span<float> out) const {
  const Eigen::Index size = static_cast<Eigen::Index>(mean_.size());
  if (set.is_float() || set.values() != size || static_cast<std::int64_t>(out.size()) != count * size) {
    throw ShapeError(set.name + ": not images of the shape that the whitening was fitted to");
  }
  fix_block_sizes();
  const Eigen::Map<const Matrix> matrix(matrix_.data(), size, size);
  Rows block;
  for (std::int64_t done = 0; done < count; done += options_.images_at_once) {
    const std::int64_t now = std::min(options_.images_at_once, count - done);
    load_block(set, first + done, now, options_.norm, mean_, block);
    for_stripes(size, options_.columns_at_once, [&](Eigen::Index column, Eigen::Index width) {
      const Rows result = block * matrix.middleCols(column, width);
      for (Eigen::Index row = 0; row < now; ++row) {
        for (Eigen::Index at = 0; at < width; ++at) {
          out[static_cast<std::size_t>((done + row) * size + column + at)] = static_cast<float>(result(row, at));
        }
      }
    });
  }
}

}  // namespace dyadic
