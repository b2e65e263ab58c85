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
  if (row.generate != nullptr && !fs::exists(fs::path(directory) / row.name, error)) return "generated on demand";
  try {
    return parent_of(row.find(row, directory).front());
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
  const bool is_known = *file.sha256 != '\0';
  return {file.name, static_cast<std::int64_t>(bytes.size()), sha256, is_known, sha256 == file.sha256};
}

}  // namespace

std::vector<DataListing> list_data(const std::string& directory) {
  std::vector<DataListing> listings;
  for (const DataSetRow& row : data_set_table()) {
    listings.push_back({row.name, row.description, fmt::format("{}", fmt::join(row.shape, "x")), row.train_count,
                        row.test_count, row.classes, row.generate != nullptr,
                        row.generate == nullptr && row.make != nullptr, location_of(row, data_directory(directory))});
  }
  return listings;
}

std::vector<FetchedFile> get_data(const std::string& name, const std::string& directory,
                                  const DownloadProgress& progress) {
  const DataSetRow& row = data_set_row(name);
  if (row.generate != nullptr) {
    throw UsageError(
        fmt::format("{} is generated, not downloaded: `dyadic data make {}` writes it to files, and training "
                    "makes it by itself",
                    name, name));
  }
  if (row.mirrors.empty()) {
    throw UsageError(fmt::format("{} is prepared from another set, not downloaded: `dyadic data make {}`", name, name));
  }
  std::vector<FetchedFile> fetched;
  if constexpr (kCanDownload) {
    const fs::path folder = fs::path(data_directory(directory)) / row.name;
    make_directories(folder.string());
    for (const DataDownload& file : row.downloads) {
      const std::string path = (folder / file.name).string();
      const DownloadRequest request{addresses_of(row, file.name), path, file.bytes, file.sha256};
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

std::string make_data(const std::string& name, const std::string& directory, std::uint64_t seed, const std::string& out,
                      const std::function<void(const std::string&)>& note) {
  const DataSetRow& row = data_set_row(name);
  if (row.make == nullptr) {
    throw UsageError(fmt::format("{} is not generated: `dyadic data get {}` downloads it", name, name));
  }
  const std::string source = data_directory(directory);
  std::string folder = (fs::path(out.empty() ? source : out) / row.name).string();
  row.make(row, {.data = source, .folder = folder, .seed = seed, .note = note});
  return folder;
}

void write_sample_page(const std::string& name, const std::string& directory, const std::string& png_path) {
  const DataSet set = load_dataset(name, directory);
  const bool is_colour = set.train.shape.back() == 3;
  const std::vector<std::uint8_t> png = png_bytes(sample_page(set.train, is_colour ? 16 : 20, is_colour ? 6 : 20), 16);
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
  check.is_generated = row.generate != nullptr;
  check.counts_match = has_published_counts(row, set.train.count(), set.test.count());
  if (row.contents != nullptr) {
    const auto contents = row.contents(set);
    for (std::size_t i = 0; i < contents.size(); ++i) check.files.push_back(checked(row.files.at(i), contents[i]));
  }
  check.ok = check.counts_match &&
             std::ranges::all_of(check.files, [](const CheckedFile& file) { return file.published || !file.is_known; });
  return check;
}

}  // namespace dyadic
