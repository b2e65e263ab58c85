// A packed network as one safetensors file (dyadic/io/safetensors.h: checksum, atomic writing), which holds all that
// evaluating it needs but the data:
//
//   NODE.weight       codes of the weight's states, packed to their width, or ternary ones as trits
//   NODE.thresholds   [steps, channels], each channel's ascending: int16 where sums are below 2^15 - 1, else int32
//   NODE.directions   [channels] in format binary, a bit each: 1 or -1
//   OUT.mean, OUT.variance, OUT.scale, OUT.bias   [channels], of the output's batch_norm, which has neither thresholds
//                     nor directions: its table of scores is made from them when the file is read
//
// and in the metadata
//
//   dyadic.packed_model   version of this layout; dyadic.version   of the program
//   dyadic.recipe         the resolved recipe in the formats of its stage: geometry, order of pools, data, loss
//   dyadic.step, dyadic.state_sha256, dyadic.data   of the run: step, checksum of its state, fingerprint of its data
//   tensor.NAME           format and shape of each tensor (dyadic/io/stored_tensor.h)
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
