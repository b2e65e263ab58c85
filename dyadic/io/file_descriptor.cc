#include "dyadic/io/file_descriptor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "dyadic/base/error.h"

namespace dyadic {

namespace {

int open_again_if_interrupted(const std::string& path, int flags, int mode) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (number >= 0 || errno != EINTR) return number;
  }
}

}  // namespace

FileDescriptor::FileDescriptor(std::string path, int flags, int mode) : path_(std::move(path)) {
  number_ = open_again_if_interrupted(path_, flags, mode);
  if (number_ >= 0) return;
  const bool is_missing = errno == ENOENT || errno == ENOTDIR;
  const std::string text = system_error_text(path_, "open");
  if (is_missing && (flags & O_ACCMODE) == O_RDONLY) throw MissingInputError(text);
  throw IoError(text);
}

std::optional<FileDescriptor> FileDescriptor::create_new(const std::string& path) {
  FileDescriptor file;
  file.number_ = open_again_if_interrupted(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (file.number_ < 0 && errno == EEXIST) return std::nullopt;
  if (file.number_ < 0) throw IoError(system_error_text(path, "open"));
  file.path_ = path;
  return file;
}

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) ::close(number_);
}

void FileDescriptor::write_all(std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(number_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw IoError(system_error_text(path_, "write"));
    }
  }
}

std::size_t FileDescriptor::read_some(std::span<std::byte> bytes) const {
  for (;;) {
    const ssize_t count = ::read(number_, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw IoError(system_error_text(path_, "read"));
  }
}

void FileDescriptor::sync() const {
  if (::fsync(number_) != 0) throw IoError(system_error_text(path_, "fsync"));
}

bool FileDescriptor::try_lock() const {
  while (::flock(number_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw IoError(system_error_text(path_, "lock"));
  }
  return true;
}

void FileDescriptor::close() {
  // Linux frees the descriptor whatever close() answers, so it is never called twice; EINTR after fsync loses nothing.
  const int result = ::close(std::exchange(number_, -1));
  if (result != 0 && errno != EINTR) throw IoError(system_error_text(path_, "close"));
}

}  // namespace dyadic
