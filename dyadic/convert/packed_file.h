// A packed network as one safetensors file (dyadic/io/safetensors.h: checksum, atomic writing), which holds all that
// evaluating it needs but the data:
//
//   NODE.weight       codes of the weight's states, packed to their width, or ternary ones as trits
//   NODE.thresholds   int32 [steps, channels], each channel's ascending        of every node but the output
//   NODE.directions   [channels] in format binary, a bit each: 1 or -1         likewise
//   NODE.mean .variance .scale .bias   [channels], of the output's batch_norm: its scores are made from them when
//   loaded metadata          "dyadic.packed_model" version, "dyadic.version" of the program, "dyadic.recipe" the
//   resolved
//                     recipe as TOML in the formats of its stage (geometry, data, order of pools), "dyadic.step",
//                     "dyadic.state_sha256", "dyadic.data" of the run; "tensor.NAME" format and shape of each tensor
#pragma once

#include <string>

#include "dyadic/io/safetensors.h"
#include "dyadic/io/stored_tensor.h"
#include "dyadic/nn/packed_network.h"

namespace dyadic {

inline constexpr int kPackedModelVersion = 1;

/// `packing`: of the weights. Throws UsageError if they are not ternary and are to be trits.
SafetensorsFile make_packed_file(const PackedModel& model, Packing packing);

/// True for files that make_packed_file() made, whatever else they hold.
bool is_packed_file(const SafetensorsFile& file);

/// The network of such a file. Throws FileFormatError that names `path`, the tensor and what is wrong with it: a newer
/// version, tensors that are missing or are not the recipe's, codes that are no states, thresholds that do not ascend.
PackedNetwork parse_packed_file(const SafetensorsFile& file, const std::string& path);

/// read_safetensors() and parse_packed_file(). Throws MissingInputError, FileFormatError, IoError.
PackedNetwork load_packed_network(const std::string& path);

}  // namespace dyadic
