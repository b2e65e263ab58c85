#include "dyadic/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dyadic/base/error.h"
#include "dyadic/io/file_descriptor.h"

namespace dyadic {

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const FileDescriptor file(path, O_RDONLY | O_NONBLOCK);  // a pipe must not make us wait: it is refused below
  struct stat info {};
  if (::fstat(file.number(), &info) != 0) throw IoError(system_error_text(path, "stat"));
  if (!S_ISREG(info.st_mode)) throw FileFormatError(path + ": not a regular file");
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;  // mmap refuses nothing
  void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number(), 0);
  if (address == MAP_FAILED) throw IoError(system_error_text(path, "map"));
  address_ = address;
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace dyadic
