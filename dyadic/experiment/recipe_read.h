// From a TOML tree to a Recipe, along the rows of recipe_schema.h.
#pragma once

#include <map>
#include <string>

#include "dyadic/experiment/recipe.h"
#include "dyadic/experiment/toml_tree.h"

namespace dyadic {

/// Where each key that was given came from ("FILE:LINE" or "--set KEY=VALUE"), for errors found after reading.
struct RecipeOrigins {
  std::string file;
  std::map<std::string, std::string> by_key;  // "train.epochs", "network.layers[2].units"

  [[nodiscard]] bool has(const std::string& key) const { return by_key.contains(key); }
  /// The key's origin, else the file.
  [[nodiscard]] const std::string& at(const std::string& key) const;
};

/// Reads every key, fills `default` in. Throws UsageError naming origin, key and the nearest valid name. What keys mean
/// together is checked by check_recipe.
Recipe read_recipe_tree(const TomlNode& root, RecipeOrigins& origins);

/// Shapes, names, formats and sizes that have to agree. Throws UsageError, ShapeError.
void check_recipe(const Recipe& recipe, const RecipeOrigins& origins);

}  // namespace dyadic
