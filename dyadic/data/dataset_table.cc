#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/data/dataset.h"
#include "dyadic/data/digits.h"
#include "dyadic/data/idx.h"

namespace dyadic {

namespace {

namespace fs = std::filesystem;

/// Files in the order train images, train labels, test images, test labels.
DataSet load_idx_files(const DataSetRow& row, const std::string& directory) {
  const std::vector<std::string> paths = find_data_files(row, directory);
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

DataSet make_digits(std::uint64_t seed) { return generate_digits_set(seed); }

bool is_present(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  // What cannot be looked at counts as there: opening it then says why.
  return status.type() != fs::file_type::not_found;
}

/// A directory that is not called NAME may hold another set's files under the same names: only DIRECTORY/NAME counts.
DataSet load_or_make_digits(const DataSetRow& row, const std::string& directory) {
  if (!is_present(fs::path(directory) / row.name)) return row.make(kDigitSeed);
  return load_idx_files(row, directory);
}

/// NAME or NAME.gz below `folder`; empty if neither is there.
std::string present_file(const fs::path& folder, const DataFile& file) {
  const fs::path plain = folder / file.name;
  if (is_present(plain)) return plain.string();
  const fs::path packed = folder / (std::string(file.name) + ".gz");
  return is_present(packed) ? packed.string() : std::string();
}

}  // namespace

std::span<const DataSetRow> data_set_table() {
  static const std::vector<DataSetRow> kTable = {
      {.name = "mnist",
       .description = "the MNIST database of handwritten digits (LeCun, Cortes, Burges 1998)",
       .shape = {28, 28, 1},
       .classes = 10,
       .train_count = 60000,
       .test_count = 10000,
       .files = {{"train-images-idx3-ubyte", 9912422,
                  "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 47040016,
                  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
                 {"train-labels-idx1-ubyte", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                  60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
                 {"t10k-images-idx3-ubyte", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                  7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
                 {"t10k-labels-idx1-ubyte", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                  10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
       .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                   "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       .load = load_idx_files,
       .make = nullptr},
      {.name = "digits",
       .description = "generated 28x28 digits: pen strokes, bent and inked from a seed",
       .shape = {kDigitSide, kDigitSide, 1},
       .classes = 10,
       .train_count = kDigitTrainCount,
       .test_count = kDigitTestCount,
       .files = {{"train-images-idx3-ubyte", 0, "", 47040016,
                  "e49f4d99f9bfad71982563cb3406bfbad3809a089105fa50b743757721f8925c"},
                 {"train-labels-idx1-ubyte", 0, "", 60008,
                  "e5027d4db0562417381e2f532320c2f39d910941773f90e2a9cad008fd606d56"},
                 {"t10k-images-idx3-ubyte", 0, "", 7840016,
                  "169571f5f4662b89dd2a7ae08fdf7d99e332bfeedda7392568329cb6d57da825"},
                 {"t10k-labels-idx1-ubyte", 0, "", 10008,
                  "cf6b50dc63bd4ed15bc4e6363ee9fce23fc48ced982b34b3fb98d7d5d2e714d5"}},
       .mirrors = {},
       .load = load_or_make_digits,
       .make = make_digits},
  };
  return kTable;
}

const DataSetRow& data_set_row(std::string_view name) {
  std::vector<std::string> names;
  for (const DataSetRow& row : data_set_table()) {
    if (name == row.name) return row;
    names.emplace_back(row.name);
  }
  throw UsageError(fmt::format("unknown data set '{}': did you mean '{}'? (`dyadic data list` shows all)", name,
                               nearest_name(name, names)));
}

std::string data_directory(const std::string& option) {
  if (!option.empty()) return option;
  const char* from_environment = std::getenv("DYADIC_DATA");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : "data";
}

std::vector<std::string> find_data_files(const DataSetRow& row, const std::string& directory) {
  const std::array<fs::path, 2> folders = {fs::path(directory) / row.name, fs::path(directory)};
  std::string first_missing;
  for (const fs::path& folder : folders) {
    std::vector<std::string> paths;
    for (const DataFile& file : row.files) {
      paths.push_back(present_file(folder, file));
      if (paths.back().empty()) {
        if (first_missing.empty() || paths.size() > 1) first_missing = file.name;
        break;
      }
    }
    if (!paths.back().empty()) return paths;
  }
  throw MissingInputError(
      fmt::format("{}: {} (plain or .gz) is neither in {} nor in {}: get it with `dyadic data {} {}`, or name "
                  "its directory with --data or DYADIC_DATA",
                  row.name, first_missing, folders[0].string(), folders[1].string(),
                  row.make != nullptr ? "make" : "get", row.name));
}

DataSet load_dataset(const std::string& name, const std::string& directory) {
  const DataSetRow& row = data_set_row(name);
  if (!directory.empty() && !is_present(directory)) {
    throw MissingInputError(fmt::format("{}: no such directory (looking for the data set {})", directory, name));
  }
  return row.load(row, data_directory(directory));
}

}  // namespace dyadic
