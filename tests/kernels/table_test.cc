#include "dyadic/kernels/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

TEST(KernelTable, EveryOperationGoesFromItsBestTierDownToTheReference) {
  std::set<std::string_view> finished;
  const std::span<const KernelInfo> table = kernel_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    ASSERT_FALSE(finished.contains(table[i].operation)) << table[i].operation << ": rows must be neighbours";
    EXPECT_FALSE(table[i].instructions.empty());
    const bool is_last = i + 1 == table.size() || table[i + 1].operation != table[i].operation;
    if (is_last) {
      EXPECT_EQ(table[i].isa, Isa::ref) << table[i].operation;
      finished.insert(table[i].operation);
    } else {
      EXPECT_GT(table[i].isa, table[i + 1].isa) << table[i].operation;
    }
  }
  EXPECT_GE(finished.size(), 10U);
}

TEST(KernelTable, SelectsTheBestRowOfTheTierInUse) {
  const Isa before = active_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    for (const KernelInfo& kernel : kernel_table()) {
      const KernelInfo& selected = selected_kernel(kernel.operation);
      EXPECT_EQ(selected.operation, kernel.operation);
      EXPECT_LE(selected.isa, isa);
      if (kernel.isa <= isa) {
        EXPECT_GE(selected.isa, kernel.isa);
      }
    }
  }
  set_isa(before);
}

TEST(KernelTable, RefusesUnknownOperations) { EXPECT_THROW(selected_kernel("divide"), UsageError); }

}  // namespace
}  // namespace dyadic
