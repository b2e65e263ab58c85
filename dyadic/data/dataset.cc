#include "dyadic/data/dataset.h"

#include "dyadic/base/sha256.h"

namespace dyadic {

std::vector<std::int64_t> label_histogram(const ImageSet& set) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(set.classes), 0);
  for (const std::uint8_t label : set.labels) ++counts.at(label);
  return counts;
}

std::string data_fingerprint(const ImageSet& train, const ImageSet& test) {
  Sha256 hash;
  for (const ImageSet* set : {&train, &test}) {
    if (set->is_float()) hash.update(set->floats.data(), set->floats.size_bytes());
    else hash.update(set->pixels);
    hash.update(set->labels);
  }
  return hash.hex();
}

}  // namespace dyadic
