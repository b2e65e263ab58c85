#include "dyadic/kernels/isa.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"

namespace dyadic {
namespace {

TEST(Isa, ListsTiersBestFirstEndingInRef) {
  const std::vector<Isa>& isas = supported_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.back(), Isa::ref);
  EXPECT_TRUE(std::ranges::is_sorted(isas, std::greater<>()));
}

TEST(Isa, ListsExactlyWhatTheProcessorHas) {
  const CpuFeatures& cpu = cpu_features();
  const auto listed = [](Isa isa) { return std::ranges::count(supported_isas(), isa) == 1; };
  EXPECT_EQ(listed(Isa::avx2), cpu.avx2);
  EXPECT_EQ(listed(Isa::avx512), cpu.avx512);
  EXPECT_EQ(listed(Isa::amx), cpu.amx_int8);
}

TEST(Isa, NamesAndParsesEveryTier) {
  for (const Isa isa : supported_isas()) EXPECT_EQ(parse_isa(isa_name(isa)), isa);
}

TEST(Isa, RefusesUnknownNamesWithTheListOfTiers) {
  for (const char* name : {"", "sse2", "AVX2", "avx", "avx512 "}) {
    try {
      parse_isa(name);
      ADD_FAILURE() << "'" << name << "' was taken";
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("ref"), std::string::npos) << error.what();
    }
  }
}

TEST(Isa, RefusesTiersThatTheMachineLacks) {
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::amx}) {
    if (std::ranges::count(supported_isas(), isa) != 0) continue;
    EXPECT_THROW(parse_isa(isa_name(isa)), UsageError) << isa_name(isa);
    EXPECT_THROW(set_isa(isa), UsageError) << isa_name(isa);
  }
}

TEST(Isa, SetIsaTakesEffectAndCanBeUndone) {
  const Isa before = active_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(active_isa(), isa);
  }
  set_isa(before);
  EXPECT_EQ(active_isa(), before);
}

}  // namespace
}  // namespace dyadic
