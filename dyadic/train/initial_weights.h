// Starting a run from another run's weights (--init-from).
#pragma once

#include <string>
#include <vector>

#include "dyadic/io/safetensors.h"
#include "dyadic/nn/network.h"

namespace dyadic {

/// The masters and running averages of a checkpoint, as a file of their own: what a run directory keeps as
/// initial.safetensors so that it can be resumed from step 0 without the run it came from.
SafetensorsFile extract_weights(const SafetensorsFile& checkpoint, const std::string& path);

/// Rounds the stored masters once into the network's masters, stochastically with the words of the master's role in
/// step 0 of the run with this seed. Throws UsageError naming `path` and a parameter that is missing or has another
/// shape, NonFiniteError for one that holds NaN. Returns a line for each parameter that was projected onto a discrete
/// space: what that loses.
std::vector<std::string> load_initial_weights(const SafetensorsFile& weights, const std::string& path,
                                              std::uint64_t seed, Network& network);

}  // namespace dyadic
