// The keys of a recipe as tables: reading, writing, nearest names and the printed reference all walk these rows. Adding
// a key means adding a row.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "dyadic/experiment/recipe.h"

namespace dyadic {

/// What a key may hold: the alternative says which type of TOML value is wanted.
using FieldPointer = std::variant<std::string*, bool*, int*, std::int64_t*, std::uint64_t*, double*, Schedule*,
                                  std::vector<std::int64_t>*, Format*, std::vector<LayerSpec>*,
                                  std::vector<NodeFormats>*, Extents*, std::vector<StageSpec>*>;

struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above_low = false;   // low itself is not allowed
  bool below_high = false;  // high itself is not allowed
  bool power_of_two = false;
  std::vector<std::string> choices = {};  // of a string
  std::vector<std::size_t> counts = {};   // how many numbers extents may have; empty: one or two
};

template <typename Owner>
struct Field {
  std::string key;  // dotted, from the owner's table on
  std::function<FieldPointer(Owner&)> locate;
  Limits limits = {};
  bool required = false;
  std::string summary;
  /// Left out of recipe_text where it has its default: a key that came after version 0.1, so that the recipes, and with
  /// them the checkpoints, of runs that do not use it keep their checksums.
  bool implied = false;
  bool derived = false;  // absent, it follows another key, as the summary says: no default to print
};

/// A recipe while it is read: `default` is no part of the finished one.
struct RecipeDraft {
  Recipe recipe;
  Format default_format;
};

struct NodeFormatsDraft {
  NodeFormats node;
  Format default_format;
};

struct StageDraft {
  StageSpec stage;
  Format default_format;
};

struct LayerType {
  std::string type;
  std::string summary;
  std::vector<Field<LayerSpec>> fields;
};

const std::vector<Field<RecipeDraft>>& recipe_fields();
const std::vector<Field<NodeFormatsDraft>>& node_formats_fields();
const std::vector<Field<StageDraft>>& stage_fields();
const std::vector<Field<Schedule>>& schedule_fields();
const std::vector<LayerType>& layer_types();

/// "an integer", "a number", "a string": what the alternative wants.
std::string wanted_type(const FieldPointer& field);

/// "at least 1 and at most 1000", "one of \"all\", \"first\""; empty if there are none.
std::string limits_text(const Limits& limits);

/// Every key with its type, limits, default and meaning, one per line, for people.
std::string recipe_reference_text();

}  // namespace dyadic
