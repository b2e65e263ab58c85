// Derivatives by differences, for tests of gradients.
#pragma once

namespace dyadic {

/// (loss(x + h) - loss(x - h)) / 2h for one float weight, which keeps its value.
template <typename Loss>
double central_difference(float& weight, float h, Loss loss) {
  const float saved = weight;
  weight = saved + h;
  const double up = loss();
  weight = saved - h;
  const double down = loss();
  weight = saved;
  return (up - down) / (2.0 * h);
}

}  // namespace dyadic
