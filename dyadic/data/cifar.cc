#include "dyadic/data/cifar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/file_stream.h"
#include "dyadic/data/find_files.h"
#include "dyadic/data/tar.h"
#include "dyadic/io/file.h"

namespace dyadic {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kImageBytes = static_cast<std::size_t>(kCifarPixels);
constexpr std::size_t kPlane = kImageBytes / 3;
constexpr std::size_t kRecord = 1 + kImageBytes;
constexpr std::size_t kFiles = kCifarTrainBatches + 1;
constexpr std::array<std::string_view, kFiles> kNames = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                         "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
constexpr std::string_view kArchive = "cifar-10-binary.tar.gz";
constexpr std::string_view kArchiveFolder = "cifar-10-batches-bin";
// What the Python version of the set leaves behind.
constexpr std::array<std::string_view, 3> kPickles = {"data_batch_1", "cifar-10-python.tar.gz", "cifar-10-batches-py"};

/// Where one file's examples go.
struct Place {
  std::span<std::uint8_t> pixels;
  std::span<std::uint8_t> labels;
};

Place place_of(DataSet& set, std::size_t file, std::size_t records) {
  ImageSet& part = file + 1 < kFiles ? set.train : set.test;
  const std::size_t first = file + 1 < kFiles ? file * records : 0;
  return {std::span(part.pixels).subspan(first * kImageBytes, records * kImageBytes),
          std::span(part.labels).subspan(first, records)};
}

void read_archive(const DataSetRow& row, const std::string& path, std::int64_t records, DataSet& set) {
  TarReader archive{FileStream(path)};
  std::array<bool, kFiles> seen{};
  while (const auto entry = archive.next()) {
    const auto* known = std::ranges::find(kNames, fs::path(entry->name).filename().string());
    if (known == kNames.end()) continue;
    const auto file = static_cast<std::size_t>(known - kNames.begin());
    const std::string name = path + ": " + entry->name;
    if (seen[file]) throw FileFormatError(name + ": the archive holds this file twice");
    seen[file] = true;
    const Place place = place_of(set, file, static_cast<std::size_t>(records));
    read_cifar_batch(
        name, [&archive](std::span<std::uint8_t> out) { return archive.read_some(out); }, row.classes, place.pixels,
        place.labels);
  }
  for (std::size_t file = 0; file < kFiles; ++file) {
    if (!seen[file]) throw FileFormatError(fmt::format("{}: the archive holds no {}", path, kNames[file]));
  }
}

void read_batches(const DataSetRow& row, const std::vector<std::string>& paths, std::int64_t records, DataSet& set) {
  parallel_for(static_cast<std::int64_t>(kFiles), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto file = static_cast<std::size_t>(begin); file < static_cast<std::size_t>(end); ++file) {
      FileStream stream(paths[file]);
      const Place place = place_of(set, file, static_cast<std::size_t>(records));
      read_cifar_batch(
          paths[file], [&stream](std::span<std::uint8_t> out) { return stream.read_some(out); }, row.classes,
          place.pixels, place.labels);
      stream.expect_end();
    }
  });
}

/// The same file under two names is the commonest way to a wrong set.
void check_distinct(DataSet& set, const std::vector<std::string>& paths, std::size_t records) {
  for (std::size_t a = 0; a < kFiles; ++a) {
    for (std::size_t b = a + 1; b < kFiles; ++b) {
      if (!std::ranges::equal(place_of(set, a, records).pixels, place_of(set, b, records).pixels)) continue;
      const std::string first = paths.size() == kFiles ? paths[a] : paths[0] + ": " + std::string(kNames[a]);
      throw FileFormatError(fmt::format("{}: the same records as {}: the batches are mixed up", first, kNames[b]));
    }
  }
}

std::string pickle_in(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    for (const std::string_view name : kPickles) {
      if (const fs::path path = fs::path(folder) / name; is_present(path)) return path.string();
    }
  }
  return {};
}

}  // namespace

void read_cifar_batch(const std::string& name, const ReadSome& read_some, int classes, std::span<std::uint8_t> pixels,
                      std::span<std::uint8_t> labels) {
  const std::size_t records = labels.size();
  std::array<std::uint8_t, kRecord> record{};
  for (std::size_t i = 0; i < records; ++i) {
    const std::size_t got = read_some(record);
    if (got == 0) throw FileFormatError(fmt::format("{}: {} records, expected {}", name, i, records));
    if (got < kRecord) {
      throw FileFormatError(
          fmt::format("{}: record {}: {} of {} bytes: the file is truncated, or not of the binary "
                      "version of CIFAR-10",
                      name, i, got, kRecord));
    }
    if (record[0] >= classes) {
      throw FileFormatError(fmt::format("{}: record {}: label {}, expected 0..{}", name, i, record[0], classes - 1));
    }
    labels[i] = record[0];
    std::uint8_t* to = &pixels[i * kImageBytes];
    for (std::size_t at = 0; at < kPlane; ++at) {
      for (std::size_t colour = 0; colour < 3; ++colour) *to++ = record[1 + colour * kPlane + at];
    }
  }
  std::uint8_t surplus = 0;
  if (read_some({&surplus, 1}) != 0) {
    throw FileFormatError(fmt::format("{}: more than the expected {} records", name, records));
  }
}

std::vector<std::string> find_cifar_files(const DataSetRow& row, const std::vector<std::string>& folders) {
  std::string first_missing(kNames[0]);
  for (const std::string& folder : folders) {
    std::vector<std::string> paths;
    for (const std::string_view name : kNames) {
      std::string path = present_file(folder, name, {".gz", ".xz"});
      if (path.empty()) {
        if (!paths.empty()) first_missing = name;
        break;
      }
      paths.push_back(std::move(path));
    }
    if (paths.size() == kFiles) return paths;
    const fs::path archive = fs::path(folder) / kArchive;
    if (is_present(archive)) return {archive.string()};
  }
  if (const std::string pickle = pickle_in(folders); !pickle.empty()) {
    throw MissingInputError(
        fmt::format("{}: {} is the Python version, a pickle, which could run any code and is never read: the binary "
                    "version is needed; {}",
                    row.name, pickle, how_to_get(row)));
  }
  throw MissingInputError(fmt::format("{}: {} (plain, .gz or .xz) or {} is not in {}: {}", row.name, first_missing,
                                      kArchive, fmt::join(folders, " nor in "), how_to_get(row)));
}

DataSet read_cifar_files(const DataSetRow& row, const std::vector<std::string>& paths, std::int64_t batch_records) {
  DataSet set;
  set.name = row.name;
  set.origin = fs::path(paths.at(0)).parent_path().string();
  const auto records = static_cast<std::size_t>(batch_records);
  for (ImageSet* part : {&set.train, &set.test}) {
    part->name = fmt::format("{} {}", row.name, part == &set.train ? "train" : "test");
    part->shape = {kCifarSide, kCifarSide, 3};
    part->classes = row.classes;
    part->labels.resize((part == &set.train ? kCifarTrainBatches : 1) * records);
    part->pixels.resize(part->labels.size() * kImageBytes);
  }
  if (paths.size() == kFiles) read_batches(row, paths, batch_records, set);
  else read_archive(row, paths[0], batch_records, set);
  check_distinct(set, paths, records);
  set.fingerprint = data_fingerprint(set.train, set.test);
  return set;
}

std::vector<std::string> find_cifar10(const DataSetRow& row, const std::string& directory) {
  const fs::path base(directory);
  const fs::path own = base / row.name;
  return find_cifar_files(
      row, {own.string(), (own / kArchiveFolder).string(), base.string(), (base / kArchiveFolder).string()});
}

DataSet load_cifar10(const DataSetRow& row, const std::string& directory) {
  return read_cifar_files(row, find_cifar10(row, directory));
}

std::vector<std::vector<std::uint8_t>> cifar_contents(const DataSet& set) {
  std::vector<std::vector<std::uint8_t>> files(kFiles);
  for (const ImageSet* part : {&set.train, &set.test}) {
    if (part->is_float() || part->values() != kCifarPixels || part->shape.size() != 3 || part->shape[2] != 3 ||
        (part == &set.train && part->count() % kCifarTrainBatches != 0)) {
      throw ShapeError(fmt::format("{}: the files of CIFAR-10 hold bytes of 32x32x3 in five equal parts, not {} of {}",
                                   part->name, part->count(), shape_text(part->shape)));
    }
    const std::int64_t records = part == &set.train ? part->count() / kCifarTrainBatches : part->count();
    for (std::int64_t i = 0; i < part->count(); ++i) {
      std::vector<std::uint8_t>& file = files[part == &set.train ? static_cast<std::size_t>(i / records) : kFiles - 1];
      const auto image = part->example(i);
      file.push_back(part->labels[static_cast<std::size_t>(i)]);
      for (std::size_t colour = 0; colour < 3; ++colour) {
        for (std::size_t at = 0; at < kPlane; ++at) file.push_back(image[3 * at + colour]);
      }
    }
  }
  return files;
}

void write_cifar(const DataSet& set, const std::string& directory) {
  const auto files = cifar_contents(set);
  make_directories(directory);
  for (std::size_t file = 0; file < kFiles; ++file) {
    write_file_atomically((fs::path(directory) / kNames[file]).string(), std::as_bytes(std::span(files[file])));
  }
}

}  // namespace dyadic
