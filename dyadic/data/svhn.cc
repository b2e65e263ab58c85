#include "dyadic/data/svhn.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "dyadic/base/error.h"
#include "dyadic/data/file_stream.h"
#include "dyadic/data/find_files.h"
#include "dyadic/data/mat.h"

namespace dyadic {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSvhnSide = 32;
constexpr std::size_t kSvhnBytes = kSvhnSide * kSvhnSide * 3;
constexpr int kZero = 10;  // the label of the digit 0
// Ten times the images of the largest file; no memory is taken for a header that declares more.
constexpr std::int64_t kMostImages = 6'000'000;

/// Images that an array X holds. MATLAB leaves out a last extent of 1.
std::int64_t images_of(const MatArray& array, const std::string& file) {
  Shape shape = array.shape;
  if (shape.size() == 3) shape.push_back(1);
  if (shape.size() != 4 || shape[0] != kSvhnSide || shape[1] != kSvhnSide || shape[2] != 3 || shape[3] < 1 ||
      shape[3] > kMostImages) {
    throw FileFormatError(fmt::format("{}: X of shape {}, expected 32x32x3xN", file, shape_text(array.shape)));
  }
  return shape[3];
}

/// Columns, rows, colours from the outside in become rows, columns, colours.
void read_image(MatReader& reader, std::span<std::uint8_t> out) {
  std::array<std::uint8_t, kSvhnBytes> image;
  reader.read(image);
  for (std::size_t colour = 0; colour < 3; ++colour) {
    for (std::size_t x = 0; x < kSvhnSide; ++x) {
      for (std::size_t y = 0; y < kSvhnSide; ++y) {
        out[(y * kSvhnSide + x) * 3 + colour] = image[(colour * kSvhnSide + x) * kSvhnSide + y];
      }
    }
  }
}

/// Appends the examples of one file.
void append_file(const std::string& path, ImageSet& set) {
  MatReader reader{FileStream(path)};
  const std::size_t before = set.labels.size();
  std::vector<std::uint8_t> labels;
  std::int64_t images = 0;
  while (const auto array = reader.next()) {
    if (array->name == "X") {
      if (images != 0) throw FileFormatError(path + ": two arrays X");
      images = images_of(*array, path);
      // Memory grows with the data that arrive, whatever the header says.
      for (std::int64_t i = 0; i < images; ++i) {
        set.pixels.resize(set.pixels.size() + kSvhnBytes);
        read_image(reader, std::span(set.pixels).last(kSvhnBytes));
      }
    } else if (array->name == "y") {
      if (!labels.empty()) throw FileFormatError(path + ": two arrays y");
      const std::int64_t count = element_count(array->shape);
      if (count < 1 || count > kMostImages) throw FileFormatError(fmt::format("{}: {} labels", path, count));
      labels.resize(static_cast<std::size_t>(count));
      reader.read(labels);
    }
  }
  if (images == 0 || labels.empty()) {
    throw FileFormatError(fmt::format("{}: no array {}", path, images == 0 ? "X" : "y"));
  }
  if (images != static_cast<std::int64_t>(labels.size())) {
    throw FileFormatError(fmt::format("{}: {} images in X but {} labels in y", path, images, labels.size()));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 1 || labels[i] > kZero) {
      throw FileFormatError(
          fmt::format("{}: label {} of example {}, expected 1..10 (10 is the digit 0)", path, labels[i], i));
    }
    if (labels[i] == kZero) labels[i] = 0;
  }
  set.labels.resize(before + labels.size());
  std::ranges::copy(labels, set.labels.begin() + static_cast<std::ptrdiff_t>(before));
}

/// What the file's X declares, so that all memory can be taken at once; 0 where its first arrays do not tell.
std::int64_t images_declared(const std::string& path) {
  FileStream stream(path);
  const std::int64_t most = stream.most_unpacked();
  MatReader reader(std::move(stream));
  while (const auto array = reader.next()) {
    if (array->name != "X") continue;
    const std::int64_t images = images_of(*array, path);
    // zlib streams inside a plain file unpack to no more than this.
    return images <= most / static_cast<std::int64_t>(kSvhnBytes) * 1032 ? images : 0;
  }
  return 0;
}

/// Marks the last `count` examples of each class among first .. end - 1.
void mark_last(const ImageSet& set, std::size_t first, std::size_t end, int count, std::vector<bool>& marked) {
  std::vector<int> left(static_cast<std::size_t>(set.classes), count);
  for (std::size_t i = end; i-- > first;) {
    int& wanted = left.at(set.labels[i]);
    if (wanted == 0) continue;
    --wanted;
    marked[i] = true;
  }
}

/// Moves marked examples to the end; both groups keep their order.
void move_to_end(const std::vector<bool>& marked, ImageSet& set) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const auto image = set.example(static_cast<std::int64_t>(i));
    if (marked[i]) {
      pixels.insert(pixels.end(), image.begin(), image.end());
      labels.push_back(set.labels[i]);
      continue;
    }
    if (kept != i) {
      std::ranges::copy(image, set.pixels.begin() + static_cast<std::ptrdiff_t>(kept * kSvhnBytes));
      set.labels[kept] = set.labels[i];
    }
    ++kept;
  }
  std::ranges::copy(pixels, set.pixels.begin() + static_cast<std::ptrdiff_t>(kept * kSvhnBytes));
  std::ranges::copy(labels, set.labels.begin() + static_cast<std::ptrdiff_t>(kept));
}

}  // namespace

std::vector<std::string> find_svhn(const DataSetRow& row, const std::string& directory) {
  std::vector<std::string> paths = find_row_files(row, {fs::path(directory) / row.name, fs::path(directory)});
  const fs::path extra = fs::path(paths[0]).parent_path() / "extra_32x32.mat";
  if (is_present(extra)) paths.push_back(extra.string());
  return paths;
}

DataSet read_svhn_files(const DataSetRow& row, const std::vector<std::string>& paths,
                        const SvhnValidation& validation) {
  DataSet set;
  set.name = row.name;
  set.origin = fs::path(paths.at(0)).parent_path().string();
  for (ImageSet* part : {&set.train, &set.test}) {
    part->name = fmt::format("{} {}", row.name, part == &set.train ? "train" : "test");
    part->shape = {kSvhnSide, kSvhnSide, 3};
    part->classes = row.classes;
  }
  const bool has_extra = paths.size() > 2;
  std::int64_t images = images_declared(paths[0]);
  if (has_extra) images += images_declared(paths[2]);
  set.train.pixels.reserve(static_cast<std::size_t>(images) * kSvhnBytes);
  append_file(paths[0], set.train);
  const std::size_t from_train = set.train.labels.size();
  if (has_extra) append_file(paths[2], set.train);
  append_file(paths.at(1), set.test);

  std::vector<bool> for_validation(set.train.labels.size(), false);
  mark_last(set.train, 0, from_train, validation.from_train, for_validation);
  mark_last(set.train, from_train, set.train.labels.size(), validation.from_extra, for_validation);
  move_to_end(for_validation, set.train);
  set.fingerprint = data_fingerprint(set.train, set.test);
  return set;
}

DataSet load_svhn(const DataSetRow& row, const std::string& directory) {
  return read_svhn_files(row, find_svhn(row, directory));
}

}  // namespace dyadic
