#include "dyadic/data/catalog.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/data/idx.h"
#include "dyadic/data/image_page.h"
#include "dyadic/io/file.h"

namespace dyadic {

namespace {

namespace fs = std::filesystem;

#ifdef DYADIC_HAS_DOWNLOAD
constexpr bool kCanDownload = true;
#else
constexpr bool kCanDownload = false;
#endif

std::string parent_of(const std::string& path) { return fs::path(path).parent_path().string(); }

std::string location_of(const DataSetRow& row, const std::string& directory) {
  std::error_code error;
  // A generated set counts as present only under its own name: DIRECTORY may hold another set's files.
  if (row.make != nullptr && !fs::exists(fs::path(directory) / row.name, error)) return "generated on demand";
  try {
    return parent_of(find_data_files(row, directory).front());
  } catch (const MissingInputError&) {
    return {};
  }
}

[[maybe_unused]] std::vector<std::string> addresses_of(const DataSetRow& row, const std::string& file) {
  const char* own = std::getenv("DYADIC_MIRROR");
  if (own != nullptr && *own != '\0') {
    const std::string base(own);
    return {base.ends_with('/') ? base + file : base + "/" + file};
  }
  std::vector<std::string> addresses;
  for (const char* mirror : row.mirrors) addresses.push_back(mirror + file);
  return addresses;
}

CheckedFile checked(const DataFile& file, const std::vector<std::uint8_t>& bytes) {
  const std::string sha256 = sha256_hex(bytes);
  return {file.name, static_cast<std::int64_t>(bytes.size()), sha256, sha256 == file.sha256};
}

}  // namespace

std::vector<DataListing> list_data(const std::string& directory) {
  std::vector<DataListing> listings;
  for (const DataSetRow& row : data_set_table()) {
    listings.push_back({row.name, row.description, fmt::format("{}", fmt::join(row.shape, "x")), row.train_count,
                        row.test_count, row.classes, row.make != nullptr, location_of(row, data_directory(directory))});
  }
  return listings;
}

std::vector<FetchedFile> get_data(const std::string& name, const std::string& directory,
                                  const DownloadProgress& progress) {
  const DataSetRow& row = data_set_row(name);
  if (row.mirrors.empty()) {
    throw UsageError(
        fmt::format("{} is generated, not downloaded: `dyadic data make {}` writes it to files, and training "
                    "makes it by itself",
                    name, name));
  }
  std::vector<FetchedFile> fetched;
  if constexpr (kCanDownload) {
    const fs::path folder = fs::path(data_directory(directory)) / row.name;
    make_directories(folder.string());
    for (const DataFile& file : row.files) {
      const std::string packed = std::string(file.name) + ".gz";
      const std::string path = (folder / packed).string();
      const DownloadRequest request{addresses_of(row, packed), path, file.packed_bytes, file.packed_sha256};
      fetched.push_back({path, download_file(request, progress)});
      if (fetched.back().result == DownloadResult::stopped) break;
    }
  } else {
    throw UsageError(
        fmt::format("data get {}: this program was built without downloads (DYADIC_DOWNLOAD=OFF): put the "
                    "files into {}/{} by hand",
                    name, data_directory(directory), name));
  }
  return fetched;
}

std::string make_data(const std::string& name, const std::string& directory, std::uint64_t seed) {
  const DataSetRow& row = data_set_row(name);
  if (row.make == nullptr) {
    throw UsageError(fmt::format("{} is not generated: `dyadic data get {}` downloads it", name, name));
  }
  std::string folder = (fs::path(data_directory(directory)) / row.name).string();
  write_idx(row.make(seed), folder);
  return folder;
}

void write_sample_page(const std::string& name, const std::string& directory, const std::string& png_path) {
  const DataSet set = load_dataset(name, directory);
  const std::vector<std::uint8_t> png = png_bytes(sample_page(set.train, 20, 20), 16);
  write_file_atomically(png_path, std::as_bytes(std::span(png)));
}

DataCheck check_data(const std::string& name, const std::string& directory) {
  const DataSetRow& row = data_set_row(name);
  const DataSet set = load_dataset(name, directory);
  DataCheck check;
  check.origin = set.origin;
  check.train_histogram = label_histogram(set.train);
  check.test_histogram = label_histogram(set.test);
  check.fingerprint = set.fingerprint;
  check.counts_match = set.train.count() == row.train_count && set.test.count() == row.test_count;
  const auto images = [&row](const ImageSet& part) {
    return idx_bytes({part.count(), row.shape[0], row.shape[1]}, part.pixels);
  };
  const auto labels = [](const ImageSet& part) { return idx_bytes({part.count()}, part.labels); };
  check.files = {checked(row.files[0], images(set.train)), checked(row.files[1], labels(set.train)),
                 checked(row.files[2], images(set.test)), checked(row.files[3], labels(set.test))};
  check.ok = check.counts_match && std::all_of(check.files.begin(), check.files.end(),
                                               [](const CheckedFile& file) { return file.published; });
  return check;
}

}  // namespace dyadic
