#include "dyadic/data/file_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/io/file_descriptor.h"

namespace dyadic {

namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 16;
// A deflate stream spends at least 1 bit on 258 bytes twice over, about 1032 bytes for each of its own (zlib's
// technical notes); the header and a dynamic table come on top.
constexpr std::int64_t kMostPerByte = 1032;

}  // namespace

struct FileStream::State {
  std::string name;
  std::optional<FileDescriptor> file;
  std::span<const std::uint8_t> memory;  // what is left of it, when there is no file
  std::int64_t size = 0;                 // of the file, packed as it is
  std::vector<std::uint8_t> buffer;
  std::size_t begin = 0;  // unread bytes: buffer[begin, end)
  std::size_t end = 0;
  bool compressed = false;
  bool member_ended = false;
  std::int64_t offset = 0;
  z_stream inflater{};

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (compressed) inflateEnd(&inflater);
  }

  [[noreturn]] void fail(const std::string& what) const {
    const char* place = compressed ? " of the unpacked data: " : ": ";
    throw FileFormatError(name + ": at byte " + std::to_string(offset) + place + what);
  }

  /// Reads more into the empty part of the buffer; false at the end of the file.
  bool fill() {
    if (begin == end) begin = end = 0;
    const std::size_t room = buffer.size() - end;
    std::size_t got = 0;
    if (file) {
      got = file->read_some(std::as_writable_bytes(std::span(buffer).subspan(end, room)));
    } else {
      got = std::min(room, memory.size());
      std::copy_n(memory.begin(), got, buffer.begin() + static_cast<std::ptrdiff_t>(end));
      memory = memory.subspan(got);
    }
    end += got;
    return got > 0;
  }

  void start() {
    buffer.resize(kBuffer);
    while (end < 2 && fill()) {
    }
    if (end < 2 || buffer[0] != 0x1F || buffer[1] != 0x8B) return;
    // 15 bits of window + 16: a gzip wrapper, whose checksum and length zlib verifies.
    if (inflateInit2(&inflater, 15 + 16) != Z_OK) throw Error(name + ": zlib could not start");
    compressed = true;
  }

  /// Up to out.size() bytes; fewer only at the end.
  std::size_t read_plain(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size() && (begin < end || fill())) {
      const std::size_t now = std::min(out.size() - done, end - begin);
      std::copy_n(buffer.begin() + static_cast<std::ptrdiff_t>(begin), now,
                  out.begin() + static_cast<std::ptrdiff_t>(done));
      begin += now;
      done += now;
    }
    offset += static_cast<std::int64_t>(done);
    return done;
  }

  std::size_t read_gzip(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size() && !member_ended) {
      if (begin == end && !fill()) fail("the gzip data end in the middle: the file is truncated");
      inflater.next_in = buffer.data() + begin;
      inflater.avail_in = static_cast<uInt>(end - begin);
      inflater.next_out = out.data() + done;
      const std::size_t room = std::min<std::size_t>(out.size() - done, std::size_t{1} << 30);
      inflater.avail_out = static_cast<uInt>(room);
      const int status = inflate(&inflater, Z_NO_FLUSH);
      begin = end - inflater.avail_in;
      done += room - inflater.avail_out;
      offset += static_cast<std::int64_t>(room - inflater.avail_out);
      if (status == Z_STREAM_END) member_ended = true;
      else if (status == Z_MEM_ERROR) throw Error(name + ": zlib ran out of memory");
      else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(std::string("damaged gzip data (") + (inflater.msg != nullptr ? inflater.msg : "no details") + ")");
      }
    }
    return done;
  }

  std::size_t read_some(std::span<std::uint8_t> out) { return compressed ? read_gzip(out) : read_plain(out); }
};

FileStream::FileStream(const std::string& path) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.name = path;
  state.file.emplace(path, O_RDONLY | O_NONBLOCK);  // a pipe must not make us wait: it is refused below
  struct stat info {};
  if (fstat(state.file->number(), &info) != 0) throw IoError(system_error_text(path, "stat"));
  if (!S_ISREG(info.st_mode)) throw FileFormatError(path + ": not a regular file");
  state.size = info.st_size;
  state.start();
}

FileStream::FileStream(std::string name, std::span<const std::uint8_t> bytes) : state_(std::make_unique<State>()) {
  state_->name = std::move(name);
  state_->memory = bytes;
  state_->size = static_cast<std::int64_t>(bytes.size());
  state_->start();
}

FileStream::~FileStream() = default;
FileStream::FileStream(FileStream&&) noexcept = default;
FileStream& FileStream::operator=(FileStream&&) noexcept = default;

const std::string& FileStream::name() const { return state_->name; }
bool FileStream::compressed() const { return state_->compressed; }
std::int64_t FileStream::offset() const { return state_->offset; }

std::int64_t FileStream::most_unpacked() const {
  return state_->compressed ? state_->size * kMostPerByte : state_->size;
}

void FileStream::read(std::span<std::uint8_t> out) {
  const std::int64_t wanted = state_->offset + static_cast<std::int64_t>(out.size());
  if (state_->read_some(out) < out.size()) {
    state_->fail("the data end here, expected " + std::to_string(wanted) + " bytes: the file is truncated");
  }
}

void FileStream::expect_end() {
  std::uint8_t surplus = 0;
  if (state_->read_some({&surplus, 1}) != 0) {
    --state_->offset;
    state_->fail("surplus data, expected the end of the file");
  }
  if (state_->compressed && (state_->begin < state_->end || state_->fill())) {
    state_->fail("trailing bytes after the gzip member, expected the end of the file");
  }
}

}  // namespace dyadic
