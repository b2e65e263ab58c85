#include "dyadic/data/download_part.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/io/file.h"

namespace dyadic {

namespace {

/// True if the locked file is still the one that the path names: its last holder may have installed it meanwhile.
bool still_named(const FileDescriptor& file, const std::string& path, std::int64_t& size) {
  struct stat opened {};
  struct stat named {};
  if (fstat(file.number(), &opened) != 0) throw IoError(system_error_text(path, "stat"));
  size = opened.st_size;
  return stat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

}  // namespace

PartFile::PartFile(const std::string& destination) : destination_(destination), path_(destination + ".part") {
  do {
    file_ = FileDescriptor(path_, O_RDWR | O_CREAT | O_APPEND);
    if (!file_.try_lock()) throw IoError(path_ + ": another process is fetching this file, wait for it to end");
  } while (!still_named(file_, path_, size_));
}

void PartFile::append(std::span<const std::byte> bytes) {
  file_.write_all(bytes);
  size_ += static_cast<std::int64_t>(bytes.size());
}

void PartFile::clear() {
  if (ftruncate(file_.number(), 0) != 0) throw IoError(system_error_text(path_, "truncate"));
  size_ = 0;
}

std::string PartFile::sha256() const { return sha256_file_hex(path_); }

void PartFile::install() {
  file_.sync();
  if (std::rename(path_.c_str(), destination_.c_str()) != 0) throw IoError(system_error_text(destination_, "rename"));
  const std::string parent = std::filesystem::path(destination_).parent_path().string();
  sync_directory(parent.empty() ? "." : parent);
}

}  // namespace dyadic
