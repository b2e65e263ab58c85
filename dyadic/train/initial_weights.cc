#include "dyadic/train/initial_weights.h"

#include "dyadic/base/error.h"
#include "dyadic/io/stored_tensor.h"
#include "dyadic/kernels/quantize.h"
#include "dyadic/train/checkpoint.h"

namespace dyadic {

SafetensorsFile extract_weights(const SafetensorsFile& checkpoint, const std::string& path) {
  SafetensorsFile weights;
  bool has_weights = false;
  for (const StoredTensor& tensor : checkpoint.tensors) {  // running averages, too
    if (tensor.name.ends_with(kUpdateSuffix) || tensor.name.ends_with(kMomentSuffix)) continue;
    has_weights |= tensor.name.ends_with(kMasterSuffix);
    pack_tensor(weights, tensor.name, unpack_tensor(checkpoint, tensor.name, path));
  }
  if (!has_weights)
    throw FileFormatError(path + ": holds no weights (tensors named NAME" + std::string(kMasterSuffix) + ")");
  return weights;
}

namespace {

/// Rounds the stored tensor `name` into `to`.
void load_tensor(const SafetensorsFile& weights, const std::string& path, const std::string& name,
                 const RandomStream& random, Tensor& to) {
  if (weights.find(name) == nullptr) throw UsageError(path + ": holds no " + name + ", which the network needs");
  const Tensor stored = unpack_tensor(weights, name, path);
  if (stored.shape() != to.shape()) {
    throw UsageError(path + ": " + name + " is " + shape_text(stored.shape()) + ", the network needs " +
                     shape_text(to.shape()));
  }
  const RoundingCounts counts = count_codes(stored.data(), stored.size(), stored.format());
  if (counts.nonfinite > 0) {
    throw NonFiniteError(path + ": " + name + ": " + std::to_string(counts.nonfinite) + " of " +
                         std::to_string(counts.elements) + " values are not finite; start from another checkpoint");
  }
  requantize(stored.data(), stored.format(), stored.size(), to.format(), to.data(), {.stream = random});
}

}  // namespace

void load_initial_weights(const SafetensorsFile& weights, const std::string& path, std::uint64_t seed,
                          Network& network) {
  for (Parameter* parameter : network.parameters()) {
    load_tensor(weights, path, parameter->name + std::string(kMasterSuffix),
                {seed, 0, parameter->master_point->stream()}, parameter->master);
  }
  for (LayerState* state : network.states()) {
    load_tensor(weights, path, state->name, {seed, 0, state->point->stream()}, state->values);
  }
}

}  // namespace dyadic
