// The order of Courbariaux' program: sums rounded and pooled, then the bias added and rounded again.
#include "dyadic/nn/pooled_bias.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "dyadic/formats/codec.h"
#include "dyadic/kernels/maxout.h"
#include "dyadic/nn/layer_table.h"
#include "dyadic/nn/network.h"
#include "tests/nn/small_convolution.h"

namespace dyadic {
namespace {

// 9x8x2 - c1 7x6x6 - pool 3x3x6 - bias - maxout 3x3x3.
constexpr std::int64_t kPooledBatch = 4;
constexpr std::int64_t kHeight = 7;
constexpr std::int64_t kWidth = 6;
constexpr std::int64_t kMaps = 6;
constexpr std::int64_t kPooled = 3;

/// The first node of kBiasAfterPool as separate layers, with random weights, biases and input.
class PooledBias : public testing::Test {
 protected:
  void make(const std::string& formats) {
    recipe_ = small_convolution(kBiasAfterPool, formats);
    plan_ = std::make_unique<NumberPlan>(recipe_.formats, node_names(recipe_));
    LayerContext context = {.recipe = recipe_, .plan = *plan_, .shape = recipe_.network.input};
    layers_ = make_layers(context);
    for (Parameter* parameter : layers_[0]->parameters()) {
      const std::uint32_t stream = parameter->master.shape().size() > 1 ? 1 : 2;
      for (std::int64_t i = 0; i < parameter->master.size(); ++i) {
        const double unit = random_uniform({.seed = 2, .stream = stream}, static_cast<std::uint64_t>(i)) - 0.5;
        parameter->master.set_code(i, encode(parameter->master.format(), unit).code);
      }
      (stream == 1 ? weight_ : bias_) = parameter;
    }
    input_ = Tensor({kPooledBatch, 9, 8, 2}, plan_->at(0, Role::input).current);
    for (std::int64_t i = 0; i < input_.size(); ++i) {
      input_.set_code(i, random_bits({.seed = 3}, static_cast<std::uint64_t>(i), 8));
    }
  }

  [[nodiscard]] Pass pass(bool training) const {
    return {.plan = plan_.get(), .seed = 11, .step = 5, .training = training};
  }

  /// Convolution, pool, bias, maxout.
  void forward(bool training) {
    const Tensor* from = &input_;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      layers_[i]->forward(*from, tensors_[i], pass(training));
      from = &tensors_[i];
    }
  }

  /// The exact sum of products without bias, in units of 2^-20.
  [[nodiscard]] std::int64_t sum_at(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t map) const {
    std::int64_t sum = 0;
    for (std::int64_t h = 0; h < 3; ++h) {
      for (std::int64_t w = 0; w < 3; ++w) {
        for (std::int64_t c = 0; c < 2; ++c) {
          sum += input_.code(((n * 9 + y + h) * 8 + x + w) * 2 + c) *
                 weight_->master.code(((map * 3 + h) * 3 + w) * 2 + c);
        }
      }
    }
    return sum;
  }

  /// function(index of the pooled element, map, every index of z in its window)
  template <typename Function>
  static void for_windows(Function function) {
    std::int64_t index = 0;
    for (std::int64_t n = 0; n < kPooledBatch; ++n) {
      for (std::int64_t i = 0; i < kPooled; ++i) {
        for (std::int64_t j = 0; j < kPooled; ++j) {
          for (std::int64_t map = 0; map < kMaps; ++map) {
            std::vector<std::int64_t> window;
            for (std::int64_t y = 2 * i; y < std::min(2 * i + 3, kHeight); ++y) {
              for (std::int64_t x = 2 * j; x < std::min(2 * j + 3, kWidth); ++x) {
                window.push_back(((n * kHeight + y) * kWidth + x) * kMaps + map);
              }
            }
            function(index++, map, window);
          }
        }
      }
    }
  }

  [[nodiscard]] std::int64_t sum_of(std::int64_t z_index) const {
    const std::int64_t map = z_index % kMaps;
    const std::int64_t place = z_index / kMaps;
    return sum_at(place / (kWidth * kHeight), place / kWidth % kHeight, place % kWidth, map);
  }

  Recipe recipe_;
  std::unique_ptr<NumberPlan> plan_;
  std::vector<std::unique_ptr<Layer>> layers_;
  Parameter* weight_ = nullptr;
  Parameter* bias_ = nullptr;
  Tensor input_;
  std::array<Tensor, 4> tensors_;
};

// Sums are multiples of 2^-20 and preactivations of 2^-4, so that both roundings lose much.
const std::string kFormats = "default = \"q4.12\"\npreactivation = \"q6.4:sat:";

TEST_F(PooledBias, InEvaluationIsOneRoundingAfterPoolAndBias) {
  for (const std::string rounding : {"rne", "rna", "rtz", "ru"}) {
    make(kFormats + rounding + "\"");
    forward(false);
    const Format& format = plan_->at(1, Role::preactivation).current;
    int differences = 0;  // between one rounding and two
    for_windows([&](std::int64_t index, std::int64_t map, const std::vector<std::int64_t>& window) {
      std::int64_t largest = sum_of(window[0]);
      for (const std::int64_t z : window) largest = std::max(largest, sum_of(z));
      const std::int64_t bias = bias_->master.code(map);
      const std::int64_t once = encode(format, exact_sum(largest, -20, bias, -12)).code;
      ASSERT_EQ(tensors_[2].code(index), once) << rounding << " " << index;
      const std::int64_t first = encode(format, exact_sum(largest, -20, 0, 0)).code;
      differences += encode(format, exact_sum(first, -4, bias, -12)).code != once ? 1 : 0;
    });
    EXPECT_GT(differences, 10) << rounding;
  }
}

TEST_F(PooledBias, InTrainingIsRoundedTwiceWithRandomBitsThatGoOnAfterThoseOfZ) {
  make(kFormats + "sr\"");
  forward(true);
  const RoundingPoint& point = plan_->at(1, Role::preactivation);
  const RandomStream random = {11, 5, point.stream()};
  const auto bits = [&](std::int64_t index) { return random_bits(random, static_cast<std::uint64_t>(index), 32); };
  std::vector<std::int64_t> z(static_cast<std::size_t>(kPooledBatch * kHeight * kWidth * kMaps));
  for (std::size_t i = 0; i < z.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    z[i] = encode(point.current, exact_sum(sum_of(index), -20, 0, 0), bits(index)).code;
    ASSERT_EQ(tensors_[0].code(index), z[i]) << i;
  }
  for_windows([&](std::int64_t index, std::int64_t map, const std::vector<std::int64_t>& window) {
    std::int64_t largest = z[static_cast<std::size_t>(window[0])];
    for (const std::int64_t i : window) largest = std::max(largest, z[static_cast<std::size_t>(i)]);
    ASSERT_EQ(tensors_[1].code(index), largest) << index;
    const ExactNumber sum = exact_sum(largest, -4, bias_->master.code(map), -12);
    ASSERT_EQ(tensors_[2].code(index), encode(point.current, sum, bits(std::ssize(z) + index)).code) << index;
  });
}

TEST_F(PooledBias, GradientsAreRoundedAtThePooledBiasAndAgainAtZ) {
  make("default = \"q4.12:sat:sr\"\nd_activation = \"q1.31\"\nd_preactivation = \"q4.6:sat:sr\"\nd_bias = \"q8.6\"");
  forward(true);
  Tensor d_y(tensors_[3].shape(), plan_->at(1, Role::d_activation).current);
  for (std::int64_t i = 0; i < d_y.size(); ++i) {
    const double unit = random_uniform({.seed = 4}, static_cast<std::uint64_t>(i)) - 0.5;
    d_y.set_code(i, encode(d_y.format(), unit).code);
  }
  Tensor g2;
  Tensor at_pool;
  Tensor dz;
  layers_[3]->backward(tensors_[2], tensors_[3], d_y, &g2, pass(true));
  layers_[2]->backward(tensors_[1], tensors_[2], g2, &at_pool, pass(true));
  layers_[1]->backward(tensors_[0], tensors_[1], at_pool, &dz, pass(true));

  const RoundingPoint& point = plan_->at(1, Role::d_preactivation);
  const RandomStream random = {11, 5, point.stream()};
  const auto bits = [&](std::int64_t index) { return random_bits(random, static_cast<std::uint64_t>(index), 32); };
  Tensor routed;
  maxout_route(tensors_[2], d_y, 2, Ties::all, false, routed);
  std::vector<std::int64_t> d_bias(kMaps);
  for (std::int64_t i = 0; i < g2.size(); ++i) {
    const double value = decode(routed.format(), routed.code(i));
    ASSERT_EQ(g2.code(i), encode(point.current, value, bits(dz.size() + i)).code) << i;
    ASSERT_EQ(at_pool.code(i), g2.code(i)) << i;
    d_bias[static_cast<std::size_t>(i % kMaps)] += g2.code(i);
  }
  for (std::int64_t map = 0; map < kMaps; ++map) {
    EXPECT_EQ(bias_->gradient.code(map), d_bias[static_cast<std::size_t>(map)]) << "the sum fits q8.6 exactly";
  }
  std::vector<std::int64_t> sums(static_cast<std::size_t>(dz.size()));
  for_windows([&](std::int64_t index, std::int64_t, const std::vector<std::int64_t>& window) {
    for (const std::int64_t i : window) {
      if (tensors_[0].code(i) == tensors_[1].code(index)) sums[static_cast<std::size_t>(i)] += g2.code(index);
    }
  });
  for (std::int64_t i = 0; i < dz.size(); ++i) {
    const ExactNumber sum = exact_sum(sums[static_cast<std::size_t>(i)], -6, 0, 0);
    ASSERT_EQ(dz.code(i), encode(point.current, sum, bits(i)).code) << i;
  }
}

}  // namespace
}  // namespace dyadic
