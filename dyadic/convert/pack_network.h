// A trained network as a packed one: batch normalisation and staircases folded to integer thresholds, by asking the
// layers themselves what they make of each sum.
#pragma once

#include "dyadic/nn/network.h"
#include "dyadic/nn/packed_network.h"

namespace dyadic {

/// `recipe`: the network's, in the formats of its stage (recipe_of_stage). `pass`: of evaluation; its plan, seed and
/// step are what the network would be evaluated with. Step, checksum and fingerprint of the model are left empty.
/// Throws UsageError that names the layer and why it cannot be packed, NonFiniteError.
PackedModel pack_network(Network& network, const Recipe& recipe, const Pass& pass);

}  // namespace dyadic
