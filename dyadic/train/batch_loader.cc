#include "dyadic/train/batch_loader.h"

#include <algorithm>

namespace dyadic {
namespace {

/// Copies the examples one after the other, augmented if asked for, into `batch`.
template <typename Value, typename Example>
void gather(std::span<const std::int64_t> examples, const ImageSet& set, const Augmentation& augmentation,
            const RandomStream& random, Example example, std::vector<Value>& batch) {
  const auto values = static_cast<std::size_t>(set.values());
  batch.resize(examples.size() * values);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::span<const Value> from = example(examples[i]);
    const std::span<Value> to(batch.data() + i * values, values);
    if (augmentation.is_none()) std::ranges::copy(from, to.begin());
    else augment_example(from, set.shape, augment_move(augmentation, random, i), to);
  }
}

}  // namespace

void BatchLoader::load_training(const ImageSet& set, std::span<const std::int64_t> examples, const Pass& pass,
                                Network& network) {
  const RandomStream random = augment_stream(pass.seed, pass.step);
  const auto count = static_cast<std::int64_t>(examples.size());
  if (set.is_float()) {
    gather(
        examples, set, augmentation_, random, [&](std::int64_t i) { return set.example_values(i); }, values_);
    network.load_input(std::span<const float>(values_), count, pass);
  } else {
    gather(
        examples, set, augmentation_, random, [&](std::int64_t i) { return set.example(i); }, pixels_);
    network.load_input(std::span<const std::uint8_t>(pixels_), count, pass);
  }
}

void BatchLoader::load_range(const ImageSet& set, ExampleRange range, const Pass& pass, Network& network) {
  const auto values = static_cast<std::size_t>(set.values());
  const std::size_t first = static_cast<std::size_t>(range.begin) * values;
  const std::size_t size = static_cast<std::size_t>(range.count()) * values;
  if (set.is_float()) network.load_input(set.floats.subspan(first, size), range.count(), pass);
  else network.load_input(std::span(set.pixels).subspan(first, size), range.count(), pass);
}

}  // namespace dyadic
