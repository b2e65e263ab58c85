#include "dyadic/data/find_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <system_error>

#include "dyadic/base/error.h"

namespace dyadic {

namespace fs = std::filesystem;

bool is_present(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() != fs::file_type::not_found;
}

std::string present_file(const fs::path& folder, std::string_view name,
                         std::initializer_list<std::string_view> endings) {
  const fs::path plain = folder / name;
  if (is_present(plain)) return plain.string();
  for (const std::string_view ending : endings) {
    const fs::path packed = folder / (std::string(name) + std::string(ending));
    if (is_present(packed)) return packed.string();
  }
  return {};
}

std::vector<std::string> find_row_files(const DataSetRow& row, const std::vector<fs::path>& folders) {
  std::string first_missing;
  for (const fs::path& folder : folders) {
    std::vector<std::string> paths;
    for (const DataFile& file : row.files) {
      paths.push_back(present_file(folder, file.name, {".gz"}));
      if (paths.back().empty()) {
        if (first_missing.empty() || paths.size() > 1) first_missing = file.name;
        break;
      }
    }
    if (!paths.back().empty()) return paths;
  }
  std::vector<std::string> places;
  for (const fs::path& folder : folders) places.push_back(folder.string());
  throw MissingInputError(fmt::format("{}: {} (plain or .gz) is {}in {}: {}", row.name, first_missing,
                                      places.size() > 1 ? "neither " : "not ", fmt::join(places, " nor in "),
                                      how_to_get(row)));
}

std::string how_to_get(const DataSetRow& row) {
  return fmt::format("get it with `dyadic data {} {}`, or name its directory with --data or DYADIC_DATA",
                     row.make != nullptr ? "make" : "get", row.name);
}

}  // namespace dyadic
