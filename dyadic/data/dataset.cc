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

bool has_published_counts(const DataSetRow& row, std::int64_t train, std::int64_t test) {
  const bool without_extra = row.train_count_without_extra != 0 && train == row.train_count_without_extra;
  return test == row.test_count && (train == row.train_count || without_extra);
}

}  // namespace dyadic
