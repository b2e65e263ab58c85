// One run, one checksum (one_hash_test.cc), for convolutional networks.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

struct ConvolutionArithmetic {
  const char* name;
  std::string formats;
  const char* golden;  // after 20 steps
};

void PrintTo(const ConvolutionArithmetic& arithmetic, std::ostream* out) { *out << arithmetic.name; }

const std::vector<ConvolutionArithmetic> kConvolutionArithmetics = {
    {"FLP", "default = \"float32\"", "66c98c33a92933d975e548d8dc37810a43b872fe0df9183ffc222b39fc120e4e"},
    {"HFLP", "default = \"float16\"", "fdb9e90e96ba48a154175ea569fd00378edc2e8343914e5f2d1e16f33f350a37"},
    {"FXP", "default = \"q4.15s:sat:rna\"", "a3d9189f4605f5e82eadef842fc35cb8977436d5fd534abddf98227e1fd625ed"},
    {"DFXP",
     "default = \"dfx10:sat:rna\"\nweight_master = \"dfx12:sat:rna\"\nbias_master = \"dfx12:sat:rna\"\n"
     "range = { initial = 3, update_every = 2, max_overflow = 0.001, init_epochs = 1 }",
     "81432383dfa7c1ac45ee5ef88d3f9eaa7d397badf7ddb619edabef55949a784b"},
    {"Stochastic", "default = \"q4.12:sat:sr\"", "bb2fcad75d7020a4c12a55e99d0ca1dd1809b099db076e9ef34323eb8321bb80"},
};

constexpr std::uint32_t kConvolutionSteps = 20;

class ConvolutionHash : public testing::TestWithParam<ConvolutionArithmetic> {
 protected:
  ~ConvolutionHash() override {
    set_thread_count(1);
    set_isa(supported_isas().front());
  }
  Recipe recipe_ = small_convolution_run(GetParam().formats);
};

TEST_P(ConvolutionHash, IsTheGoldenOneForEveryInstructionSet) {
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(checksum_after(recipe_, kConvolutionSteps), GetParam().golden) << isa_name(isa);
  }
}

TEST_P(ConvolutionHash, DoesNotDependOnThreads) {
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(checksum_after(recipe_, kConvolutionSteps), GetParam().golden) << threads;
  }
}

TEST_P(ConvolutionHash, DoesNotDependOnInterruptions) {
  for (const std::uint32_t hop : {1, 7})
    EXPECT_EQ(checksum_after(recipe_, kConvolutionSteps, hop), GetParam().golden) << hop;
}

TEST_P(ConvolutionHash, DependsOnTheSeedAndTheNumberOfSteps) {
  EXPECT_NE(checksum_after(small_convolution_run(GetParam().formats, "epochs = 4", {"seed=4"}), kConvolutionSteps),
            GetParam().golden);
  EXPECT_NE(checksum_after(recipe_, kConvolutionSteps - 1), GetParam().golden);
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, ConvolutionHash, testing::ValuesIn(kConvolutionArithmetics),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace dyadic
