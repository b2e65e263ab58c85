#include "dyadic/kernels/column_norm.h"

#include <cmath>
#include <vector>

#include "dyadic/base/math.h"
#include "dyadic/kernels/decode.h"
#include "dyadic/kernels/update_rows.h"

namespace dyadic {
namespace {

std::vector<double> grid_norms(const std::vector<double>& values, const Format& format, std::size_t columns) {
  std::vector<std::uint64_t> sums(columns, 0);
  const double scale = std::ldexp(1.0, -format.step_exponent);
  for (std::size_t first = 0; first < values.size(); first += columns) {
    for (std::size_t j = 0; j < columns; ++j) {
      const auto steps = static_cast<std::int64_t>(values[first + j] * scale);
      sums[j] += static_cast<std::uint64_t>(steps * steps);
    }
  }
  std::vector<double> norms;
  norms.reserve(columns);
  for (const std::uint64_t sum : sums) norms.push_back(grid_norm(sum, format.step_exponent));
  return norms;
}

std::vector<double> tree_norms(const std::vector<double>& values, std::size_t columns) {
  std::vector<double> norms;
  norms.reserve(columns);
  std::vector<double> squares(values.size() / columns);
  for (std::size_t j = 0; j < columns; ++j) {
    for (std::size_t i = 0; i < squares.size(); ++i) squares[i] = values[i * columns + j] * values[i * columns + j];
    norms.push_back(std::sqrt(tree_sum(squares)));
  }
  return norms;
}

}  // namespace

RoundingCounts limit_column_norms(Tensor& master, double max_norm, const RandomStream& random) {
  if (master.empty()) return {};
  const Format format = master.format();
  const auto columns = static_cast<std::size_t>(master.size() / master.shape()[0]);
  std::vector<double> values(static_cast<std::size_t>(master.size()));
  decode_values(master.data(), format, 0, master.size(), values.data());
  std::vector<double> factors =
      format.is_dyadic_grid() ? grid_norms(values, format, columns) : tree_norms(values, columns);
  for (double& factor : factors) factor = norm_factor(factor, max_norm);
  for (std::size_t first = 0; first < values.size(); first += columns) {
    for (std::size_t j = 0; j < columns; ++j) values[first + j] *= factors[j];
  }
  return quantize(values.data(), master.size(), format, master.data(), {.stream = random, .first_index = 0});
}

}  // namespace dyadic
