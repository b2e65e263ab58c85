// One run, one checksum (promises P3 and P4): threads, instruction sets, interruptions and compilers do not show in the
// trained bits. The golden checksums below pin them from version to version: a change here changes every result that
// anybody has published, and belongs in the changelog.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/isa.h"
#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

struct Arithmetic {
  const char* name;
  std::vector<std::string> words;
  const char* golden;  // after 36 steps
};

void PrintTo(const Arithmetic& arithmetic, std::ostream* out) { *out << arithmetic.name; }

// 200 training images in batches of 20, 50 for validation, 40 test images, hidden layers of 40 units in 5 pieces; with
// DFXP two epochs of range initialisation, then two of training.
const std::vector<Arithmetic> kArithmetics = {
    {"FLP", {"FLP"}, "1b551c61d14f9c8c04b10dda74f4dd0f3bdeaad8dbdd1d42d1fab8e0af7a5767"},
    {"HFLP", {"HFLP"}, "67c71c0e911c97133d36ece471c12f5b1a23bda00f453061cfe3e623593cb292"},
    {"FXP", {"FXP", "3", "19", "19"}, "dbd23ac1bf3639e8ae28e3aacb2fc7861208e4f36ddcd93542104a7e475e7879"},
    {"DFXP",
     {"DFXP", "3", "9", "11", "2", "0.001", "2"},
     "dbadeb439e9046ffa0f7c69313e9066905d4f01852a7dc6f0516807dbd8546d1"},
};

constexpr std::uint32_t kSteps = 36;

class OneHash : public testing::TestWithParam<Arithmetic> {
 protected:
  ~OneHash() override {
    set_thread_count(1);
    set_isa(supported_isas().front());
  }
};

TEST_P(OneHash, IsTheGoldenOneForEveryInstructionSet) {
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(checksum_after(small_task(GetParam().words), kSteps), GetParam().golden) << isa_name(isa);
  }
}

TEST_P(OneHash, DoesNotDependOnThreads) {
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(checksum_after(small_task(GetParam().words), kSteps), GetParam().golden) << threads;
  }
}

TEST_P(OneHash, DoesNotDependOnInterruptions) {
  for (const std::uint32_t hop : {1, 7})
    EXPECT_EQ(checksum_after(small_task(GetParam().words), kSteps, hop), GetParam().golden) << hop;
}

TEST_P(OneHash, DependsOnTheSeedAndTheNumberOfSteps) {
  EXPECT_NE(checksum_after(small_task(GetParam().words, {"seed=4"}), kSteps), GetParam().golden);
  EXPECT_NE(checksum_after(small_task(GetParam().words), kSteps - 1), GetParam().golden);
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, OneHash, testing::ValuesIn(kArithmetics),
                         [](const auto& test) { return std::string(test.param.name); });

// Stochastic rounding draws its bits from counters, so it keeps every promise too.
TEST(OneHashStochastic, HoldsForThreadsInstructionSetsAndInterruptions) {
  for (const std::string format : {"q4.12:sat:sr", "q4.12:sat:sr16", "q4.12:sat:srh", "e5m10:sat:sr8"}) {
    const Recipe recipe = small_task({"FXP", "3", "12", "12"},
                                     {"formats.default=\"" + format + "\"", "formats.weight_master=\"" + format + "\"",
                                      "formats.bias_master=\"" + format + "\""});
    set_isa(Isa::ref);
    set_thread_count(1);
    const std::string expected = checksum_after(recipe, 12);
    set_thread_count(2);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      EXPECT_EQ(checksum_after(recipe, 12, 5), expected) << format << " " << isa_name(isa);
    }
  }
  set_thread_count(1);
  set_isa(supported_isas().front());
}

}  // namespace
}  // namespace dyadic
