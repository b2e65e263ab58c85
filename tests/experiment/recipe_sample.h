// A small complete recipe, and what parsing says about variations of it.
#pragma once

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/experiment/recipe.h"

namespace dyadic {

// Line numbers appear in expected messages: line 1 is `seed`.
inline const std::string kSampleRecipe = R"(seed = 7
[data]
name = "digits"
split = { train = 500, valid = 100 }
[network]
input = [784]
layers = [
  { type = "dropout", keep = 0.8 },
  { name = "h1", type = "dense", units = 20, max_column_norm = 1.9365 },
  { type = "maxout", pieces = 5 },
  { name = "out", type = "dense", units = 10, init = "zero", test_scale = 0.5 },
]
[formats]
default = "dfx10:sat:rna"
weight_master = "dfx12:sat:rna"
bias_master = "dfx12:sat:rna"
[formats.range]
initial = 4
[train]
epochs = 3
batch = 50
learning_rate = { start = 0.05, end = 0.005, until_fraction = 0.5 }
)";

/// kSampleRecipe with `from` replaced by `to`; an empty text if `from` is not in it.
inline std::string changed_sample(const std::string& from, const std::string& to) {
  const std::size_t at = kSampleRecipe.find(from);
  if (at == std::string::npos) return "";
  return kSampleRecipe.substr(0, at) + to + kSampleRecipe.substr(at + from.size());
}

/// The message of the UsageError that parsing throws, or "no error".
inline std::string parse_error(const std::string& text, const std::vector<Override>& overrides = {}) {
  try {
    parse_recipe(text, "r.toml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace dyadic
