// Which networks can be packed, what their nodes are, and the line that says why another cannot.
#include "dyadic/nn/packed_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "tests/convert/small_discrete.h"

namespace dyadic {
namespace {

TEST(PackedPlan, NodesAreProductsPoolsAndThresholds) {
  const std::vector<PackedNode> nodes = packed_plan(small_discrete());
  ASSERT_EQ(nodes.size(), 4U);
  EXPECT_EQ(nodes[0].name, "c1");
  EXPECT_EQ(nodes[0].weight_shape, (Shape{6, 5, 5, 1}));
  EXPECT_EQ(nodes[0].largest, 25 * 128);
  EXPECT_EQ(nodes[0].sum_pools.size(), 1U);
  EXPECT_EQ(nodes[0].sums_shape, (Shape{6, 6, 6}));
  EXPECT_EQ(nodes[1].weight_shape, (Shape{8, 3, 3, 3}));
  EXPECT_EQ(nodes[1].largest, 27);
  EXPECT_EQ(nodes[1].sum_pools.size(), 0U);
  EXPECT_EQ(nodes[1].state_pools.size(), 1U);
  EXPECT_EQ(nodes[2].weight_shape, (Shape{16, 72}));
  EXPECT_FALSE(nodes[2].norm);
  EXPECT_TRUE(nodes[3].is_output());
  EXPECT_TRUE(nodes[3].norm);
  EXPECT_EQ(nodes[3].sums_shape, (Shape{10}));
}

TEST(PackedPlan, AStageIsWrittenIntoTheFormats) {
  const Recipe recipe =
      small_discrete({"train.stages=[{epochs = 1}, {epochs = 3, weight = \"z2\", weight_master = \"z2\"}]"});
  EXPECT_EQ(packed_plan(recipe_of_stage(recipe, 0))[1].weight.name, "ternary");
  EXPECT_EQ(packed_plan(recipe_of_stage(recipe, 1))[1].weight.name, "z2");
  EXPECT_TRUE(recipe_of_stage(recipe, 1).train.stages.empty());
}

struct RefusedRow {
  std::vector<Override> overrides;
  const char* message;
};

const std::vector<RefusedRow> kRefused = {
    {{"formats.weight=float32"},
     "layer c1 (network.layers[0], conv2d) cannot be packed: its weights are float32:inf:rne, which is none of the "
     "spaces z0 to z8 with a power of two as limit"},
    {{"formats.node=[{match = \"h\", weight = \"q1.3\", weight_master = \"q1.3\"}]"},
     "layer h (network.layers[9], dense) cannot be packed: its weights are q1.3:sat:rne, which"},
    {{"formats.weight=ternary*0.75"}, "its weights are ternary*0.75:sat:rne, which"},
    {{"formats.weight=ternary:sat:sr", "formats.weight_master=float32"},
     "its weights are drawn anew in every pass (ternary:sat:sr)"},
    {{"formats.preactivation=q12.8"}, "layer c1 (network.layers[0], conv2d) cannot be packed: its sums are rounded to"},
    {{"formats.activation=float32"}, "layer c1 (network.layers[3], multi_step) cannot be packed: its states are"},
    {{"formats.input=float32"}, "layer input cannot be packed: its format float32:inf:rne is no integer code"},
    {{"formats.input=q1.3:sat:sr"}, "layer input cannot be packed: its format q1.3:sat:sr is rounded at random"},
    {{"formats.normalized=q4.4:sat:sr"},
     "layer c1 (network.layers[2], batch_norm) cannot be packed: what it gives is rounded at random"},
    {{"formats.normalized=q4.4:wrap"}, "what it gives wraps (q4.4:wrap:rne)"},
    {{"formats.normalized=dfx12"}, "the range of what it gives moves"},
    {{"network.layers.10={type = \"maxout\", pieces = 2}"},
     "layer h (network.layers[10], maxout) cannot be packed: only multi_step gives states"},
    {{"network.layers.10={type = \"relu\"}"}, "layer h (network.layers[10], relu) cannot be packed"},
    {{"network.layers.7={type = \"average_pool\", size = 2}"},
     "layer c2 (network.layers[7], average_pool) cannot be packed: averages are rounded"},
    {{"network.layers.7={type = \"dropout\", keep = 0.5}"},
     "layer c2 (network.layers[7], dropout) cannot be packed: masks belong to training"},
    {{"network.layers.1={type = \"batch_norm\"}", "network.layers.2={type = \"max_pool\", size = 2}"},
     "layer c1 (network.layers[2], max_pool) cannot be packed: a pool comes before batch_norm or after multi_step"},
    {{"network.layers.9.test_scale=0.5"}, "layer h (network.layers[9], dense) cannot be packed: it has a test_scale"},
    {{"formats.weight=z8", "formats.activation=z8", "network.layers.9.units=1024"},
     "layer out (network.layers[12], batch_norm) cannot be packed: its table of 10 x 33554433 scores would be more "
     "than 16777216"},
    {{"network.loss=softmax_nll"},
     "layer out (network.layers[12], batch_norm) cannot be packed: network.loss = \"softmax_nll\" compares rounded "
     "numbers; squared_hinge can be packed"},
};

TEST(PackedPlan, RefusalsNameTheLayerAndTheReason) {
  for (const RefusedRow& row : kRefused) {
    const Recipe recipe = small_discrete(row.overrides);
    try {
      packed_plan(recipe);
      ADD_FAILURE() << "packed: " << row.overrides.front();
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(row.message), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace dyadic
