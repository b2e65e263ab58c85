// Dense layer: z = Q(x . w^T + b), the sum exact for integer codes, one rounding (role preactivation). Backward: three
// products, each exact and rounded once: d_weight = Q(dz^T . x), d_bias = Q(sum of dz), d_input = Q(dz . w).
#pragma once

#include "dyadic/kernels/epilogue.h"
#include "dyadic/kernels/product.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

struct DenseOptions {
  std::string name;
  std::int64_t inputs = 0;
  std::int64_t units = 0;
  double initial_limit = 0;
  double max_column_norm = 0;
  double learning_rate_scale = 1;
  double test_scale = 1;                    // a power of two
  bool input_gradient_from_master = false;  // else the copy that forward() used
};

class DenseLayer : public Layer {
 public:
  /// `node` is this layer's ordinal, `input_node` that of the activations it reads, whose d_activation it rounds.
  DenseLayer(NumberPlan& plan, int node, int input_node, const DenseOptions& options);

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
  std::vector<Parameter*> parameters() override { return {&weight_, &bias_}; }

 private:
  const Tensor& copy_for_products(const Parameter& parameter, Tensor& scratch, const Pass& pass) const;

  RoundingPoint& preactivation_;
  RoundingPoint& d_input_;
  Parameter weight_;
  Parameter bias_;
  int test_scale_exponent_ = 0;
  bool input_gradient_from_master_ = false;
  PreparedBias prepared_bias_;
  Tensor weight_copy_, bias_copy_;            // roundings of the masters, remade at each use
  AlignedVector<float> a_values_, b_values_;  // decoded operands of float products
};

/// True if products of the two are summed as integers.
bool is_integer_product(const Format& a, const Format& b);

/// Output [m, n] of a product of two tensors, rounded once into `output` (format set by the caller).
struct RoundedProduct {
  const Tensor* a = nullptr;
  std::int64_t a_row_stride = 0, a_depth_stride = 1;
  const Tensor* b = nullptr;
  std::int64_t b_row_stride = 0, b_depth_stride = 1;
  std::int64_t m = 0, n = 0, depth = 0;
  int b_scale_exponent = 0;            // b is multiplied by 2^this
  const PreparedBias* bias = nullptr;  // prepared for sum_exponent()
  RandomStream random;
  std::int64_t first_row = 0;

  [[nodiscard]] int sum_exponent() const;
};
RoundingCounts rounded_product(const RoundedProduct& job, Tensor& output, AlignedVector<float>& a_values,
                               AlignedVector<float>& b_values);

}  // namespace dyadic
