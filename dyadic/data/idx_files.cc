#include "dyadic/data/idx_files.h"

#include <fmt/format.h>

#include <filesystem>

#include "dyadic/data/find_files.h"
#include "dyadic/data/idx.h"
#include "dyadic/data/make_folder.h"

namespace dyadic {

namespace fs = std::filesystem;

std::vector<std::string> find_idx_files(const DataSetRow& row, const std::string& directory) {
  return find_row_files(row, {fs::path(directory) / row.name, fs::path(directory)});
}

std::vector<std::string> find_own_idx_files(const DataSetRow& row, const std::string& directory) {
  return find_row_files(row, {fs::path(directory) / row.name});
}

DataSet load_idx_files(const DataSetRow& row, const std::string& directory) {
  const std::vector<std::string> paths = row.find(row, directory);
  DataSet set;
  set.name = row.name;
  set.origin = fs::path(paths[0]).parent_path().string();
  set.train = read_idx_images(paths[0], paths[1], row.shape, row.classes);
  set.test = read_idx_images(paths[2], paths[3], row.shape, row.classes);
  set.train.name = fmt::format("{} train", row.name);
  set.test.name = fmt::format("{} test", row.name);
  set.fingerprint = data_fingerprint(set.train, set.test);
  return set;
}

DataSet load_or_generate_idx(const DataSetRow& row, const std::string& directory) {
  if (!is_present(fs::path(directory) / row.name)) return row.generate(kDefaultSeed);
  return load_idx_files(row, directory);
}

void make_idx(const DataSetRow& row, const MakeRequest& request) { make_generated(row, request, write_idx); }

std::vector<std::vector<std::uint8_t>> idx_contents(const DataSet& set) {
  std::vector<std::vector<std::uint8_t>> files;
  for (const ImageSet* part : {&set.train, &set.test}) {
    files.push_back(idx_bytes({part->count(), part->shape[0], part->shape[1]}, part->pixels));
    files.push_back(idx_bytes({part->count()}, part->labels));
  }
  return files;
}

}  // namespace dyadic
