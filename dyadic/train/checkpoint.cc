#include "dyadic/train/checkpoint.h"

#include <nlohmann/json.hpp>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/io/stored_tensor.h"

namespace dyadic {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Progress, step, init_epochs, epochs, batch, loss_sum, errors, validation_error,
                                   test_error, best_validation_error, test_error_at_best, best_test_error, best_epoch,
                                   epochs_at_chance, seconds, examples, metrics_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RoundingCounts, elements, largest, half_range, overflowed, zeros, nonfinite)

namespace {

using nlohmann::json;

constexpr const char* kVersionKey = "dyadic.checkpoint";
constexpr const char* kRecipeKey = "dyadic.recipe";
constexpr const char* kDataKey = "dyadic.data";
constexpr const char* kProgressKey = "dyadic.progress";
constexpr const char* kRangesKey = "dyadic.ranges";
constexpr const char* kCountsKey = "dyadic.counts";
constexpr const char* kStateKey = "dyadic.state_sha256";

json ranges_json(const NumberPlan& plan) {
  json groups = json::array();
  for (const RangeGroup& group : plan.groups()) {
    groups.push_back({{"node", plan.nodes()[static_cast<std::size_t>(group.node)]},
                      {"role", role_name(group.role)},
                      {"range", group.range},
                      {"largest", group.largest},
                      {"half_range", group.half_range},
                      {"elements", group.elements},
                      {"nonzero", group.nonzero}});
  }
  return {{"batches", plan.batches()},
          {"initialising", plan.initialising()},
          {"nonfinite", plan.nonfinite},
          {"groups", groups}};
}

void restore_ranges(const json& stored, NumberPlan& plan) {
  std::vector<RangeGroup> groups;
  for (const json& entry : stored.at("groups")) {
    const std::size_t i = groups.size();
    const bool known = i < plan.groups().size() &&
                       entry.at("node") == plan.nodes()[static_cast<std::size_t>(plan.groups()[i].node)] &&
                       entry.at("role") == std::string(role_name(plan.groups()[i].role));
    if (!known) throw FileFormatError("range group " + std::to_string(i) + " is not that of the recipe");
    RangeGroup group = plan.groups()[i];
    group.range = entry.at("range");
    group.largest = entry.at("largest");
    group.half_range = entry.at("half_range");
    group.elements = entry.at("elements");
    group.nonzero = entry.at("nonzero");
    groups.push_back(group);
  }
  plan.restore(groups, stored.at("batches"), stored.at("initialising"));
  plan.nonfinite = stored.at("nonfinite");
}

json counts_json(NumberPlan& plan) {
  json counts = json::object();
  for (const RoundingPoint* point : plan.points()) {
    if (point->epoch.elements > 0)
      counts[plan.nodes()[static_cast<std::size_t>(point->node)] + "/" + std::string(role_name(point->role))] =
          point->epoch;
  }
  return counts;
}

void restore_counts(const json& stored, NumberPlan& plan) {
  plan.begin_epoch();
  for (RoundingPoint* point : plan.points()) {
    const std::string key =
        plan.nodes()[static_cast<std::size_t>(point->node)] + "/" + std::string(role_name(point->role));
    if (stored.contains(key)) point->epoch = stored.at(key).get<RoundingCounts>();
  }
}

const std::string& metadata_entry(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) throw FileFormatError("metadata has no '" + key + "'");
  return found->second;
}

void restore_tensor(const SafetensorsFile& file, const std::string& name, const std::string& path, const Format& target,
                    Tensor& tensor) {
  Tensor stored = unpack_tensor(file, name, path);
  Format a = stored.format();
  Format b = target;
  a.range = b.range = Format::kNoRange;
  a.step_exponent = b.step_exponent;
  if (stored.shape() != tensor.shape() || !(a == b)) {
    throw FileFormatError(name + " is " + format_name(stored.format()) + " " + shape_text(stored.shape()) +
                          ", the recipe needs " + format_name(target) + " " + shape_text(tensor.shape()));
  }
  tensor = std::move(stored);
}

void check_version(const std::string& text) {
  const int version = std::stoi(text);
  if (version > kCheckpointVersion) {
    throw FileFormatError("checkpoint version " + std::to_string(version) + " is newer than this program's " +
                          std::to_string(kCheckpointVersion) + "; use a newer dyadic");
  }
}

void check_recipe_of(const SafetensorsFile& file, const Recipe& recipe) {
  if (metadata_entry(file, kRecipeKey) == recipe_checksum(recipe)) return;
  throw FileFormatError(
      "the checkpoint belongs to another recipe; undo what changed recipe.toml, or start a new run from it with "
      "--init-from");
}

void restore_parts(const SafetensorsFile& file, const std::string& path, Trainer& trainer) {
  check_version(metadata_entry(file, kVersionKey));
  check_recipe_of(file, trainer.recipe());
  if (metadata_entry(file, kDataKey) != trainer.data().fingerprint) {
    throw FileFormatError("the data are not those that the run was trained on; point --data at the same files");
  }
  json progress = json::parse(metadata_entry(file, kProgressKey));
  // Not in checkpoints from before 0.2: what is known of their epochs is a bound.
  if (!progress.contains("best_test_error")) progress["best_test_error"] = progress.at("test_error_at_best");
  trainer.progress() = progress.get<Progress>();
  NumberPlan& plan = trainer.network().plan();
  const Recipe& recipe = trainer.recipe();
  plan.set_formats(recipe.formats_of_stage(recipe.stage_at(trainer.progress().epochs)));
  restore_ranges(json::parse(metadata_entry(file, kRangesKey)), plan);
  restore_counts(json::parse(metadata_entry(file, kCountsKey)), plan);
  trainer.network().fit_updates();  // by the formats of the checkpoint's stage
  for (Parameter* parameter : trainer.network().parameters()) {
    restore_tensor(file, parameter->name + std::string(kMasterSuffix), path, parameter->master_point->current,
                   parameter->master);
    if (!parameter->update.empty()) {
      restore_tensor(file, parameter->name + std::string(kUpdateSuffix), path, parameter->update_point->current,
                     parameter->update);
    }
    if (!parameter->moment.empty()) {
      restore_tensor(file, parameter->name + std::string(kMomentSuffix), path, parameter->moment_point->current,
                     parameter->moment);
    }
  }
  trainer.network().compress_weights();
  for (LayerState* state : trainer.network().states()) {
    restore_tensor(file, state->name, path, state->point->current, state->values);
  }
  if (state_checksum(trainer.network()) != metadata_entry(file, kStateKey))
    throw FileFormatError("state checksum does not match");
}

void add_to_checksum(Sha256& sha, const std::string& name, const Tensor& tensor) {
  SafetensorsFile packed;
  pack_tensor(packed, name, tensor);
  const std::string head = name + '\0' + format_name(tensor.format()) + '\0' + shape_text(tensor.shape()) + '\0';
  sha.update(head.data(), head.size());
  for (const StoredTensor& part : packed.tensors) sha.update(part.bytes.data(), part.bytes.size());
}

}  // namespace

std::string recipe_checksum(const Recipe& recipe) {
  Sha256 sha;
  const std::string text = recipe_text(recipe);
  sha.update(text.data(), text.size());
  return sha.hex();
}

std::string state_checksum(Network& network) {
  Sha256 sha;
  for (const Parameter* parameter : network.parameters()) {
    add_to_checksum(sha, parameter->name + std::string(kMasterSuffix), parameter->master);
    if (!parameter->update.empty()) {
      add_to_checksum(sha, parameter->name + std::string(kUpdateSuffix), parameter->update);
    }
    if (!parameter->moment.empty()) {
      add_to_checksum(sha, parameter->name + std::string(kMomentSuffix), parameter->moment);
    }
  }
  for (const LayerState* state : network.states()) add_to_checksum(sha, state->name, state->values);
  const NumberPlan& plan = network.plan();
  for (const RangeGroup& group : plan.groups()) {
    const std::string line = plan.nodes()[static_cast<std::size_t>(group.node)] + '\0' +
                             std::string(role_name(group.role)) + '\0' + std::to_string(group.range) + '\0';
    sha.update(line.data(), line.size());
  }
  return sha.hex();
}

void check_checkpoint_version(const SafetensorsFile& file, const std::string& path) {
  const auto version = file.metadata.find(kVersionKey);
  if (version == file.metadata.end()) return;
  try {
    check_version(version->second);
  } catch (const std::exception& error) {  // std::stoi's too
    throw FileFormatError(path + ": " + error.what());
  }
}

void check_checkpoint_recipe(const SafetensorsFile& file, const std::string& path, const Recipe& recipe) {
  try {
    check_recipe_of(file, recipe);
  } catch (const FileFormatError& error) {
    throw FileFormatError(path + ": " + error.what());
  }
}

SafetensorsFile make_checkpoint(Trainer& trainer) {
  SafetensorsFile file;
  NumberPlan& plan = trainer.network().plan();
  file.metadata[kVersionKey] = std::to_string(kCheckpointVersion);
  file.metadata[kRecipeKey] = recipe_checksum(trainer.recipe());
  file.metadata[kDataKey] = trainer.data().fingerprint;
  file.metadata[kProgressKey] = json(trainer.progress()).dump();
  file.metadata[kRangesKey] = ranges_json(plan).dump();
  file.metadata[kCountsKey] = counts_json(plan).dump();
  file.metadata[kStateKey] = state_checksum(trainer.network());
  for (const Parameter* parameter : trainer.network().parameters()) {
    pack_tensor(file, parameter->name + std::string(kMasterSuffix), parameter->master);
    if (!parameter->update.empty()) {
      pack_tensor(file, parameter->name + std::string(kUpdateSuffix), parameter->update);
    }
    if (!parameter->moment.empty()) {
      pack_tensor(file, parameter->name + std::string(kMomentSuffix), parameter->moment);
    }
  }
  for (const LayerState* state : trainer.network().states()) pack_tensor(file, state->name, state->values);
  return file;
}

void restore_checkpoint(const SafetensorsFile& file, const std::string& path, Trainer& trainer) {
  try {
    restore_parts(file, path, trainer);
  } catch (const FileFormatError& error) {
    const std::string text = error.what();
    throw FileFormatError(text.starts_with(path) ? text : path + ": " + text);
  } catch (const std::exception& error) {  // JSON of the wrong shape, a number that is none
    throw FileFormatError(path + ": " + error.what());
  }
}

}  // namespace dyadic
