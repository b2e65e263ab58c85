// Checkpoints: everything a run needs to go on as if it had never stopped, in one safetensors file.
//
//   tensors    NAME.master and NAME.update of every parameter, NAME.moment where the optimiser has second moments,
//              NODE.mean and NODE.variance of batch normalisation; codes packed to their width, formats by name, and
//              NAME.update.exponents and the like of block formats
//   metadata   "dyadic.checkpoint" format version, "dyadic.recipe" SHA-256 of the resolved recipe, "dyadic.data"
//              fingerprint of the data, "dyadic.progress", "dyadic.ranges", "dyadic.counts" as JSON,
//              "dyadic.state_sha256" the run's checksum (below)
//
// state_checksum is the SHA-256 over, for each parameter in network order, for master, momentum and second moment, and
// then for each mean and variance: name, format name with its range, shape (each as text and a zero byte), the packed
// codes and the exponents of blocks; then node, role and R of every range group. It depends on what was trained and not
// on files, threads or instruction sets.
#pragma once

#include <string>
#include <string_view>

#include "dyadic/io/safetensors.h"
#include "dyadic/train/trainer.h"

namespace dyadic {

inline constexpr int kCheckpointVersion = 1;
inline constexpr std::string_view kMasterSuffix = ".master";
inline constexpr std::string_view kUpdateSuffix = ".update";
inline constexpr std::string_view kMomentSuffix = ".moment";
inline constexpr std::string_view kMeanSuffix = ".mean";
inline constexpr std::string_view kVarianceSuffix = ".variance";

/// Identifies a recipe in checkpoints: SHA-256 of recipe_text().
std::string recipe_checksum(const Recipe& recipe);

std::string state_checksum(Network& network);

SafetensorsFile make_checkpoint(Trainer& trainer);

/// Throws FileFormatError naming `path` if a newer program wrote it. A file without a version is no checkpoint of a run
/// and passes.
void check_checkpoint_version(const SafetensorsFile& file, const std::string& path);

/// Throws FileFormatError naming `path` if the checkpoint is one of another recipe.
void check_checkpoint_recipe(const SafetensorsFile& file, const std::string& path, const Recipe& recipe);

/// Throws FileFormatError naming `path`: newer version, another recipe, other data, missing or malformed parts.
void restore_checkpoint(const SafetensorsFile& file, const std::string& path, Trainer& trainer);

}  // namespace dyadic
