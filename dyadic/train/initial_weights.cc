#include "dyadic/train/initial_weights.h"

#include "dyadic/base/error.h"
#include "dyadic/io/stored_tensor.h"
#include "dyadic/kernels/quantize.h"
#include "dyadic/train/checkpoint.h"

namespace dyadic {

SafetensorsFile extract_weights(const SafetensorsFile& checkpoint, const std::string& path) {
  SafetensorsFile weights;
  for (const StoredTensor& tensor : checkpoint.tensors) {
    if (tensor.name.ends_with(kMasterSuffix))
      pack_tensor(weights, tensor.name, unpack_tensor(checkpoint, tensor.name, path));
  }
  if (weights.tensors.empty())
    throw FileFormatError(path + ": holds no weights (tensors named NAME" + std::string(kMasterSuffix) + ")");
  return weights;
}

void load_initial_weights(const SafetensorsFile& weights, const std::string& path, std::uint64_t seed,
                          Network& network) {
  for (Parameter* parameter : network.parameters()) {
    const std::string name = parameter->name + std::string(kMasterSuffix);
    if (weights.find(name) == nullptr) throw UsageError(path + ": holds no " + name + ", which the network needs");
    const Tensor stored = unpack_tensor(weights, name, path);
    if (stored.shape() != parameter->master.shape()) {
      throw UsageError(path + ": " + name + " is " + shape_text(stored.shape()) + ", the network needs " +
                       shape_text(parameter->master.shape()));
    }
    const RoundingCounts counts = count_codes(stored.data(), stored.size(), stored.format());
    if (counts.nonfinite > 0) {
      throw NonFiniteError(path + ": " + name + ": " + std::to_string(counts.nonfinite) + " of " +
                           std::to_string(counts.elements) + " values are not finite; start from another checkpoint");
    }
    requantize(stored.data(), stored.format(), stored.size(), parameter->master.format(), parameter->master.data(),
               {.stream = {seed, 0, parameter->master_point->stream()}});
  }
}

}  // namespace dyadic
