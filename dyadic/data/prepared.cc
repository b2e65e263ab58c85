#include "dyadic/data/prepared.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/contrast.h"
#include "dyadic/data/find_files.h"
#include "dyadic/data/whitening.h"
#include "dyadic/io/file.h"
#include "dyadic/io/mapped_file.h"
#include "dyadic/io/safetensors.h"

namespace dyadic {

namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "the file's floats are used as they lie in it");

constexpr std::int64_t kExamplesAtOnce = 1000;  // examples transformed at a time

std::string file_of(const DataSetRow& row, const std::string& folder) {
  return (fs::path(folder) / (std::string(row.name) + ".safetensors")).string();
}

std::map<std::string, std::string> metadata_of(const DataSetRow& row, const Preparation& preparation,
                                               const std::string& source_fingerprint) {
  return {{"data_set", row.name},
          {"definition", preparation.definition},
          {"source", row.source},
          {"source_fingerprint", source_fingerprint}};
}

std::string how_to_make_again(const DataSetRow& row) {
  return fmt::format("make it again with `dyadic data make {}`", row.name);
}

/// Throws FileFormatError unless the file is of this set and definition.
void check_metadata(const SafetensorsView& view, const DataSetRow& row, const Preparation& preparation,
                    const std::string& path) {
  for (const auto& [key, value] : metadata_of(row, preparation, {})) {
    const auto found = view.metadata.find(key);
    const std::string text = found == view.metadata.end() ? "nothing" : found->second;
    if (text == value || (key == "source_fingerprint" && found != view.metadata.end())) continue;
    throw FileFormatError(
        fmt::format("{}: {} is \"{}\", expected \"{}\": {}", path, key, text, value, how_to_make_again(row)));
  }
}

SafetensorsView view_or_explain(const DataSetRow& row, const MappedFile& file) {
  try {
    return view_safetensors(file.bytes(), file.path());
  } catch (const FileFormatError& error) {
    throw FileFormatError(fmt::format("{}; {}", error.what(), how_to_make_again(row)));
  }
}

const TensorView& tensor_of(const SafetensorsView& view, const std::string& name, const char* dtype,
                            const std::string& path) {
  const TensorView* tensor = view.find(name);
  if (tensor == nullptr) throw FileFormatError(fmt::format("{}: no tensor \"{}\"", path, name));
  if (tensor->dtype == dtype) return *tensor;
  throw FileFormatError(fmt::format("{}: tensor \"{}\" of type {}, expected {}", path, name, tensor->dtype, dtype));
}

ImageSet part_of(const SafetensorsView& view, const std::string& part, const DataSetRow& row,
                 const std::shared_ptr<const MappedFile>& file) {
  const TensorView& values = tensor_of(view, part, "F32", file->path());
  const TensorView& labels = tensor_of(view, part + "_labels", "U8", file->path());
  Shape expected = {labels.shape.empty() ? 0 : labels.shape[0]};
  expected.insert(expected.end(), row.shape.begin(), row.shape.end());
  if (labels.shape.size() != 1 || labels.shape[0] == 0 || values.shape != expected) {
    throw FileFormatError(fmt::format("{}: tensor \"{}\" of shape {} beside labels of shape {}, expected {}",
                                      file->path(), part, shape_text(values.shape), shape_text(labels.shape),
                                      shape_text(expected)));
  }
  ImageSet set;
  set.name = fmt::format("{} {}", row.name, part);
  set.shape = row.shape;
  set.classes = row.classes;
  set.labels.resize(labels.bytes.size());
  std::memcpy(set.labels.data(), labels.bytes.data(), labels.bytes.size());
  const auto wrong = std::ranges::find_if(set.labels, [&row](int label) { return label >= row.classes; });
  if (wrong != set.labels.end()) {
    throw FileFormatError(fmt::format("{}: label {} of example {} of \"{}\", expected 0..{}", file->path(), *wrong,
                                      wrong - set.labels.begin(), part, row.classes - 1));
  }
  if (reinterpret_cast<std::uintptr_t>(values.bytes.data()) % alignof(float) != 0) {
    throw FileFormatError(fmt::format("{}: tensor \"{}\" does not begin at a multiple of 4 bytes", file->path(), part));
  }
  set.floats = {reinterpret_cast<const float*>(values.bytes.data()), values.bytes.size() / sizeof(float)};
  set.owner = file;
  return set;
}

/// The folder, held by one process.
FileDescriptor locked_folder(const std::string& folder) {
  FileDescriptor file(folder, O_RDONLY | O_DIRECTORY);
  if (!file.try_lock()) throw IoError(folder + ": another process is making this set, wait for it to end");
  return file;
}

bool is_made(const DataSetRow& row, const Preparation& preparation, const std::string& path,
             const std::string& source_fingerprint) {
  if (!is_present(path)) return false;
  try {
    const MappedFile file(path);
    return view_safetensors(file.bytes(), path).metadata == metadata_of(row, preparation, source_fingerprint);
  } catch (const FileFormatError&) {
    return false;  // damaged: it is replaced
  }
}

void write_part(const ImageSet& set, const Transform& transform, SafetensorsWriter& writer) {
  std::vector<float> values;
  for (std::int64_t first = 0; first < set.count(); first += kExamplesAtOnce) {
    const std::int64_t now = std::min(kExamplesAtOnce, set.count() - first);
    values.resize(static_cast<std::size_t>(now * set.values()));
    transform(set, first, now, values);
    writer.append(std::as_bytes(std::span(values)));
  }
}

Transform fit_whitening(const ImageSet& train) {
  return [whitening = std::make_shared<const Whitening>(train)](const ImageSet& set, std::int64_t first,
                                                                std::int64_t count, std::span<float> out) {
    whitening->apply(set, first, count, out);
  };
}

void transform_locally(const ImageSet& set, std::int64_t first, std::int64_t count, std::span<float> out) {
  constexpr double kBias = 10;  // in squared grey levels of 0..255
  const auto size = static_cast<std::size_t>(set.values());
  parallel_for(count, 16, [&](std::int64_t begin, std::int64_t end, int) {
    std::vector<double> image(size);
    for (std::int64_t i = begin; i < end; ++i) {
      normalise_to_deviation(set.example(first + i), kBias, image);
      normalise_locally(set.shape, image);
      std::ranges::transform(image, out.begin() + i * static_cast<std::ptrdiff_t>(size),
                             [](double value) { return static_cast<float>(value); });
    }
  });
}

Transform fit_nothing(const ImageSet& /*train*/) { return transform_locally; }

constexpr Preparation kWhitened = {"gcn norm 55, zca bias 0.1, version 1", fit_whitening};
constexpr Preparation kLocal = {"gcn deviation bias 10, lcn 7x7, version 1", fit_nothing};

void make_from(const DataSetRow& row, const Preparation& preparation, const MakeRequest& request) {
  const auto note = request.note ? request.note : [](const std::string&) {};
  // What is missing is found before a folder is made, and that it cannot be written before minutes are spent.
  const DataSetRow& source = data_set_row(row.source);
  static_cast<void>(source.find(source, request.data));
  const bool was_there = is_present(request.folder);
  make_directories(request.folder);
  if (::access(request.folder.c_str(), W_OK) != 0) throw IoError(system_error_text(request.folder, "write"));
  note(fmt::format("reading {}", row.source));
  try {
    write_prepared(row, preparation, load_dataset(row.source, request.data), request.folder, note);
  } catch (...) {
    std::error_code not_empty;  // no folder that holds anything is removed
    if (!was_there) fs::remove(request.folder, not_empty);
    throw;
  }
}

}  // namespace

std::vector<std::string> find_prepared(const DataSetRow& row, const std::string& directory) {
  const std::string path = file_of(row, (fs::path(directory) / row.name).string());
  if (is_present(path)) return {path};
  throw MissingInputError(fmt::format(
      "{}: {} is not there: make it once with `dyadic data make {} --data DIR --out {}`, DIR the directory "
      "of {}, which `dyadic data get {} --data DIR` fetches; the task SCENES trains on generated images instead",
      row.name, path, row.name, directory, row.source, row.source));
}

DataSet load_prepared(const DataSetRow& row, const Preparation& preparation, const std::string& directory) {
  const std::string path = find_prepared(row, directory).front();
  const auto file = std::make_shared<const MappedFile>(path);
  const SafetensorsView view = view_or_explain(row, *file);
  check_metadata(view, row, preparation, path);
  DataSet set;
  set.name = row.name;
  set.origin = fs::path(path).parent_path().string();
  set.train = part_of(view, "train", row, file);
  set.test = part_of(view, "test", row, file);
  set.fingerprint = view.sha256;
  return set;
}

void write_prepared(const DataSetRow& row, const Preparation& preparation, const DataSet& source,
                    const std::string& folder, const std::function<void(const std::string&)>& note) {
  make_directories(folder);
  const FileDescriptor lock = locked_folder(folder);
  remove_temporaries(folder);
  const std::string path = file_of(row, folder);
  if (is_made(row, preparation, path, source.fingerprint)) return note("there already, made from the same data: kept");
  if (preparation.fit != fit_nothing) {
    note(fmt::format("fitting to {} images, which may take minutes", source.train.count()));
  }
  const Transform transform = preparation.fit(source.train);
  const std::array<std::pair<const ImageSet*, std::string>, 2> parts = {
      {{&source.train, "train"}, {&source.test, "test"}}};
  std::vector<TensorView> tensors;  // all values before all labels: bytes would put floats behind them out of place
  for (const auto& [part, name] : parts) {
    Shape shape = {part->count()};
    shape.insert(shape.end(), part->shape.begin(), part->shape.end());
    tensors.push_back({name, "F32", shape});
  }
  for (const auto& [part, name] : parts) tensors.push_back({name + "_labels", "U8", {part->count()}});
  SafetensorsWriter writer(path, metadata_of(row, preparation, source.fingerprint), tensors);
  for (const auto& [part, name] : parts) {
    note(fmt::format("writing {} {} images", part->count(), name));
    write_part(*part, transform, writer);
  }
  for (const auto& [part, name] : parts) writer.append(std::as_bytes(std::span(part->labels)));
  writer.commit();
}

DataSet load_cifar10_whitened(const DataSetRow& row, const std::string& directory) {
  return load_prepared(row, kWhitened, directory);
}

void make_cifar10_whitened(const DataSetRow& row, const MakeRequest& request) { make_from(row, kWhitened, request); }

DataSet load_svhn_lcn(const DataSetRow& row, const std::string& directory) {
  return load_prepared(row, kLocal, directory);
}

void make_svhn_lcn(const DataSetRow& row, const MakeRequest& request) { make_from(row, kLocal, request); }

}  // namespace dyadic
