#include "dyadic/convert/packed_file.h"

#include <charconv>
#include <set>
#include <utility>

#include "dyadic/base/error.h"
#include "dyadic/io/strict_json.h"

namespace dyadic {
namespace {

constexpr const char* kModelKey = "dyadic.packed_model";
constexpr const char* kModelProgramKey = "dyadic.version";
constexpr const char* kModelRecipeKey = "dyadic.recipe";
constexpr const char* kModelStepKey = "dyadic.step";
constexpr const char* kModelStateKey = "dyadic.state_sha256";
constexpr const char* kModelDataKey = "dyadic.data";

constexpr const char* kDirectionFormat = "binary";

/// Thresholds lie in [-largest, largest + 1].
const char* threshold_format(const PackedNode& node) { return node.largest < 32767 ? "q16.0" : "q32.0"; }

struct NormRow {
  const char* suffix;
  Tensor RunningNorm::*tensor;
};

constexpr NormRow kNormRows[] = {{".mean", &RunningNorm::mean},
                                 {".variance", &RunningNorm::variance},
                                 {".scale", &RunningNorm::scale},
                                 {".bias", &RunningNorm::bias}};

/// The tensors of a file, each asked for once.
class ModelReader {
 public:
  ModelReader(const SafetensorsFile& file, const std::string& path) : file_(file), path_(path) {}

  const std::string& metadata(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    if (found == file_.metadata.end()) throw FileFormatError(path_ + ": metadata has no '" + key + "'");
    return found->second;
  }

  std::uint32_t number(const std::string& key) const {
    const std::string& text = metadata(key);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
    throw FileFormatError(path_ + ": metadata '" + key + "' is " + quoted_for_message(text) + ", which is no number");
  }

  Tensor tensor(const std::string& name) {
    read_.insert(name);
    return unpack_tensor(file_, name, path_);
  }

  /// Of that format and as many dimensions, of codes alone.
  Tensor tensor(const std::string& name, const char* format, std::size_t dimensions) {
    Tensor found = tensor(name);
    if (found.format() != parse_format(format) || found.shape().size() != dimensions) {
      throw FileFormatError(path_ + ": tensor " + quoted_for_message(name) + ": " + format_name(found.format()) + " " +
                            shape_text(found.shape()) + ", a packed model has " + format_name(parse_format(format)) +
                            " of " + std::to_string(dimensions) + (dimensions == 1 ? " dimension" : " dimensions"));
    }
    return found;
  }

  void expect_no_more() const {
    for (const StoredTensor& stored : file_.tensors) {
      if (read_.contains(stored.name)) continue;
      throw FileFormatError(path_ + ": tensor " + quoted_for_message(stored.name) + ": the recipe has no place for it");
    }
  }

 private:
  const SafetensorsFile& file_;
  const std::string& path_;
  std::set<std::string, std::less<>> read_;
};

ChannelThresholds read_thresholds(ModelReader& reader, const PackedNode& node) {
  const Tensor values = reader.tensor(node.name + ".thresholds", threshold_format(node), 2);
  const Tensor directions = reader.tensor(node.name + ".directions", kDirectionFormat, 1);
  ChannelThresholds thresholds = {
      .channels = values.shape()[1], .steps = values.shape()[0], .values = {}, .directions = {}};
  for (std::int64_t i = 0; i < values.size(); ++i) {
    thresholds.values.push_back(static_cast<std::int32_t>(values.code(i)));
  }
  for (std::int64_t c = 0; c < directions.size(); ++c) {
    thresholds.directions.push_back(static_cast<std::int32_t>(2 * directions.code(c) - 1));
  }
  return thresholds;
}

void add_thresholds(SafetensorsFile& file, const PackedNode& node, const ChannelThresholds& thresholds) {
  Tensor values({thresholds.steps, thresholds.channels}, parse_format(threshold_format(node)));
  for (std::int64_t i = 0; i < values.size(); ++i) values.set_code(i, thresholds.values[static_cast<std::size_t>(i)]);
  Tensor directions({thresholds.channels}, parse_format(kDirectionFormat));
  for (std::int64_t c = 0; c < thresholds.channels; ++c) {
    directions.set_code(c, thresholds.directions[static_cast<std::size_t>(c)] > 0 ? 1 : 0);
  }
  pack_tensor(file, node.name + ".thresholds", values);
  pack_tensor(file, node.name + ".directions", directions);
}

PackedModel read_model(const SafetensorsFile& file, const std::string& path) {
  ModelReader reader(file, path);
  const std::uint32_t version = reader.number(kModelKey);
  if (version > kPackedModelVersion) {
    throw FileFormatError(path + ": packed model version " + std::to_string(version) +
                          " is newer than this program's " + std::to_string(kPackedModelVersion) +
                          "; use a newer dyadic");
  }
  PackedModel model = {.recipe = parse_recipe(reader.metadata(kModelRecipeKey), "its recipe", {}),
                       .layers = {},
                       .norm = std::nullopt,
                       .step = reader.number(kModelStepKey),
                       .state_sha256 = reader.metadata(kModelStateKey),
                       .data_fingerprint = reader.metadata(kModelDataKey)};
  for (const PackedNode& node : packed_plan(model.recipe)) {
    PackedLayer layer = {.weight = reader.tensor(node.name + ".weight"), .thresholds = {}};
    if (!node.is_output()) layer.thresholds = read_thresholds(reader, node);
    model.layers.push_back(std::move(layer));
    if (!node.is_output() || !node.norm) continue;
    model.norm.emplace();
    for (const NormRow& row : kNormRows) (*model.norm).*row.tensor = reader.tensor(node.name + row.suffix);
  }
  reader.expect_no_more();
  return model;
}

}  // namespace

SafetensorsFile make_packed_file(const PackedModel& model, Packing packing) {
  SafetensorsFile file;
  file.metadata[kModelKey] = std::to_string(kPackedModelVersion);
  file.metadata[kModelProgramKey] = DYADIC_VERSION;
  file.metadata[kModelRecipeKey] = recipe_text(model.recipe);
  file.metadata[kModelStepKey] = std::to_string(model.step);
  file.metadata[kModelStateKey] = model.state_sha256;
  file.metadata[kModelDataKey] = model.data_fingerprint;
  const std::vector<PackedNode> nodes = packed_plan(model.recipe);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PackedNode& node = nodes[i];
    pack_tensor(file, node.name + ".weight", model.layers[i].weight, packing);
    if (!node.is_output()) add_thresholds(file, node, model.layers[i].thresholds);
    else if (model.norm) {
      for (const NormRow& row : kNormRows) pack_tensor(file, node.name + row.suffix, (*model.norm).*row.tensor);
    }
  }
  return file;
}

bool is_packed_file(const SafetensorsFile& file) { return file.metadata.contains(kModelKey); }

PackedNetwork parse_packed_file(const SafetensorsFile& file, const std::string& path) {
  try {
    return PackedNetwork(read_model(file, path));
  } catch (const FileFormatError&) {
    throw;
  } catch (const Error& error) {  // the recipe, the shapes and the numbers come from the file
    throw FileFormatError(path + ": " + error.what());
  }
}

PackedNetwork load_packed_network(const std::string& path) { return parse_packed_file(read_safetensors(path), path); }

}  // namespace dyadic
