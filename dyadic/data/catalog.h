// What `dyadic data list|get|make|check` do, without the printing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"
#include "dyadic/data/download.h"

namespace dyadic {

/// One printed row.
struct DataListing {
  std::string name;
  std::string description;
  std::string shape;  // "28x28x1"
  std::int64_t train = 0;
  std::int64_t test = 0;
  int classes = 0;
  bool generated = false;
  bool prepared = false;  // made from another set by `data make`
  std::string location;   // the directory its files were found in, "generated on demand", or empty: not here
};

/// All data sets, and where they are below `directory` (the user's --data, or empty).
std::vector<DataListing> list_data(const std::string& directory);

struct FetchedFile {
  std::string path;
  DownloadResult result = DownloadResult::fetched;
};

/// Fetches the published files of a data set into DIRECTORY/NAME. The environment variable DYADIC_MIRROR, an address
/// that the file names are appended to, takes the place of the row's mirrors. Ends early, with a last entry `stopped`,
/// when progress says so. Throws UsageError for a set that is generated or a program built without downloads, IoError.
std::vector<FetchedFile> get_data(const std::string& name, const std::string& directory,
                                  const DownloadProgress& progress = {});

/// Generates a data set from `seed`, or prepares it from another set in `directory`, and writes its files into
/// OUT/NAME, or DIRECTORY/NAME if `out` is empty. `note` is told what takes minutes. Returns that folder. Throws
/// UsageError for a set that is downloaded, IoError, and what load_dataset throws for the source of a preparation.
std::string make_data(const std::string& name, const std::string& directory, std::uint64_t seed,
                      const std::string& out = {}, const std::function<void(const std::string&)>& note = {});

/// A page of the first training images, 20 x 20 grey ones or 16 x 6 in colour, as a PNG of 16 levels. Throws as
/// load_dataset does, IoError.
void write_sample_page(const std::string& name, const std::string& directory, const std::string& png_path);

struct CheckedFile {
  std::string name;
  std::int64_t bytes = 0;  // unpacked
  std::string sha256;      // of the unpacked bytes
  bool is_known = false;   // the row has a hash to compare with
  bool published = false;  // they are the bytes of the row (generated sets: of the default seed)
};

struct DataCheck {
  std::string origin;  // a directory, or "generated, seed 1"
  std::vector<CheckedFile> files;
  std::vector<std::int64_t> train_histogram;
  std::vector<std::int64_t> test_histogram;
  std::string fingerprint;
  bool is_generated = false;  // compared with what the default seed generates, not with a published set
  bool counts_match = false;
  bool ok = false;  // counts and every hash that is known
};

/// Reads (or generates) a data set as training would and compares it with its row. Throws MissingInputError, IoError,
/// FileFormatError; a readable set that is merely another one is reported, not thrown.
DataCheck check_data(const std::string& name, const std::string& directory);

}  // namespace dyadic
