// What dense and convolutional nodes share: a weight and a bias with their rounding points, the copies that products
// see, and the bias made ready for sums.
#pragma once

#include <memory>
#include <string>

#include "dyadic/kernels/epilogue.h"
#include "dyadic/nn/layer.h"
#include "dyadic/nn/weight_workspace.h"

namespace dyadic {

struct WeightOptions {
  std::string name;
  Shape shape;  // of the weight; its first extent is the number of outputs
  double initial_limit = 0;
  double initial_deviation = 0;
  double max_norm = 0;
  bool norm_over_outputs = false;
  double learning_rate_scale = 1;
  double weight_decay = 0;
  double test_scale = 1;  // a power of two
  bool has_bias = true;
  bool input_gradient_from_master = false;  // else the copy that forward() used
  /// Of the network; null: one of its own.
  std::shared_ptr<WeightWorkspace> workspace;
};

class Weights {
 public:
  Weights(NumberPlan& plan, int node, const WeightOptions& options);

  Parameter weight;
  Parameter bias;  // empty without one

  std::vector<Parameter*> parameters();
  [[nodiscard]] const std::string& node_name() const { return node_name_; }

  /// The weights that forward and backward products see, made anew from the masters; compressed if they are these. The
  /// reference lives until the next call.
  const Tensor& weight_copy(const Pass& pass);
  const Tensor& bias_copy(const Pass& pass);
  /// Codes and values of such weights for products, in memory that is shared with the network's other layers.
  WeightWorkspace& workspace() { return *workspace_; }
  /// The weight's gradient in its shape and format, contents unspecified. Its memory is the workspace's, so weights
  /// that were read there are gone.
  Tensor& begin_gradient();
  /// What dz is multiplied by.
  const Tensor& weight_for_input_gradient(const Pass& pass);

  /// log2 of what weight and bias are multiplied by in this pass.
  [[nodiscard]] int scale_exponent(const Pass& pass) const { return pass.training ? 0 : test_scale_exponent_; }

  /// The bias for sums of products of `input` and the weight copy; null without one. Throws UsageError if the bias'
  /// format cannot join integer sums.
  const PreparedBias* prepare_bias(const Tensor& input, const Tensor& weight_copy, const Pass& pass);

  /// The format that sums of products of `input` and the weight copy are stored in: the point's, or, if that is
  /// `exact`, the one of the sums themselves, in which nothing is rounded. Throws ShapeError if it has no such code.
  [[nodiscard]] Format sum_format(const RoundingPoint& point, const Tensor& input, const Tensor& weight_copy,
                                  const Pass& pass) const;

  /// d_bias = Q(sum over all but the last extent of d_output), role d_bias; nothing without a bias.
  void round_bias_gradient(const Tensor& d_output, const Pass& pass);

  [[nodiscard]] std::int64_t scratch_bytes() const { return weight_copy_.bytes() + bias_copy_.bytes(); }

 private:
  const Tensor& copy_of(const Parameter& parameter, Tensor& scratch, const Pass& pass) const;

  std::string node_name_;
  int test_scale_exponent_;
  bool has_bias_;
  bool input_gradient_from_master_;
  std::shared_ptr<WeightWorkspace> workspace_;
  PreparedBias prepared_bias_;
  Tensor weight_copy_, bias_copy_;
};

/// The format that holds every sum of `depth` products of codes of `a` and `b`, times 2^scale_exponent: fixed, its
/// codes the sums in steps of both. `name` begins the message. Throws ShapeError if they do not fit 32 bits.
Format exact_sum_format(const std::string& name, std::int64_t depth, const Format& a, const Format& b,
                        int scale_exponent);

/// True if products of the two are summed as integers.
bool is_integer_product(const Format& a, const Format& b);

/// A tensor's codes, which lie at `codes`, as the product kernels take them.
IntegerOperand integer_operand(const Tensor& tensor, const void* codes, std::int64_t row_stride,
                               std::int64_t depth_stride);

/// A tensor's values in float32: the tensor itself, or decoded into `scratch`.
const float* float_values(const Tensor& tensor, AlignedVector<float>& scratch);

}  // namespace dyadic
