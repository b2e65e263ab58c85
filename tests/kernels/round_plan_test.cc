// Rounding plans are remembered. However many formats are in use, and in whatever order, a plan must stay the plan of
// its own format while a kernel works with it.
#include <gtest/gtest.h>

#include <vector>

#include "dyadic/kernels/quantize.h"
#include "dyadic/kernels/quantize_plan.h"
#include "dyadic/kernels/quantize_ref.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {
namespace {

std::vector<Format> many_formats() {
  std::vector<Format> formats;
  for (int range = -40; range < 40; ++range) {
    formats.push_back(parse_format("dfx10@" + std::to_string(range) + ":sat:rna"));
    formats.push_back(parse_format("dfx12@" + std::to_string(range) + ":sat:rna"));
  }
  return formats;
}

TEST(RoundPlan, TwoPlansInUseAtOnceStayApart) {
  const std::vector<Format> formats = many_formats();
  for (std::size_t i = 0; i < formats.size(); ++i) {
    for (std::size_t j = 0; j < formats.size(); j += 7) {
      const RoundPlan& from = round_plan(formats[i]);
      const RoundPlan& to = round_plan(formats[j]);
      ASSERT_EQ(from.step_exponent, formats[i].step_exponent);
      ASSERT_EQ(to.step_exponent, formats[j].step_exponent);
    }
  }
}

TEST(RoundPlan, RequantizeBetweenManyFormatsAgreesWithTheDefinition) {
  const std::vector<Format> formats = many_formats();
  for (std::size_t i = 0; i < formats.size(); ++i) {
    const Format& from = formats[i];
    const Format& to = formats[(i * 37 + 11) % formats.size()];
    Tensor codes({40}, from);
    for (std::int64_t k = 0; k < codes.size(); ++k)
      codes.set_code(k, (k * 25 + 1) % from.max_code * (k % 2 == 0 ? 1 : -1));
    Tensor expected({40}, to);
    Tensor found({40}, to);
    ref::requantize(codes.data(), from, codes.size(), to, expected.data(), {});
    requantize(codes.data(), from, codes.size(), to, found.data(), {});
    for (std::int64_t k = 0; k < codes.size(); ++k)
      ASSERT_EQ(found.code(k), expected.code(k)) << format_name(from) << " to " << format_name(to);
  }
}

}  // namespace
}  // namespace dyadic
