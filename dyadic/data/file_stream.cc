#include "dyadic/data/file_stream.h"

#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
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
constexpr std::int64_t kMostPerGzipByte = 1032;
// An LZMA2 chunk of at most 2^21 bytes has a header of 6 bytes and at least one byte of data (the .xz file format).
constexpr std::int64_t kMostPerXzByte = (std::int64_t{1} << 21) / 7;
// `xz -9` needs 65 MiB for its dictionary; a file may ask for 4 GiB.
constexpr std::uint64_t kXzMemory = std::uint64_t{80} << 20;

constexpr std::array<std::uint8_t, 2> kGzipMagic = {0x1F, 0x8B};
constexpr std::array<std::uint8_t, 6> kXzMagic = {0xFD, '7', 'z', 'X', 'Z', 0x00};

enum class Packing { none, gzip, xz };

const char* packing_name(Packing packing) { return packing == Packing::xz ? "xz" : "gzip"; }

}  // namespace

struct FileStream::State {
  std::string name;
  std::optional<FileDescriptor> file;
  std::span<const std::uint8_t> memory;  // what is left of it, when there is no file
  std::int64_t size = 0;                 // of the file, packed as it is
  std::vector<std::uint8_t> buffer;
  std::size_t begin = 0;  // unread bytes: buffer[begin, end)
  std::size_t end = 0;
  Packing packing = Packing::none;
  bool packed_ended = false;
  std::int64_t offset = 0;
  z_stream inflater{};
  lzma_stream lzma = LZMA_STREAM_INIT;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (packing == Packing::gzip) inflateEnd(&inflater);
    if (packing == Packing::xz) lzma_end(&lzma);
  }

  [[noreturn]] void fail(const std::string& what) const {
    const char* place = packing != Packing::none ? " of the unpacked data: " : ": ";
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
    while (end < kXzMagic.size() && fill()) {
    }
    if (begins_with(kGzipMagic)) {
      // 15 bits of window + 16: a gzip wrapper, whose checksum and length zlib verifies.
      if (inflateInit2(&inflater, 15 + 16) != Z_OK) throw Error(name + ": zlib could not start");
      packing = Packing::gzip;
    } else if (begins_with(kXzMagic)) {
      if (lzma_stream_decoder(&lzma, kXzMemory, LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK) {
        throw Error(name + ": liblzma could not start");
      }
      packing = Packing::xz;
    } else if (name.ends_with(".xz") || name.ends_with(".gz")) {
      fail(std::string("it is not ") + (name.ends_with(".xz") ? "xz" : "gzip") + " data, as its name says");
    }
  }

  [[nodiscard]] bool begins_with(std::span<const std::uint8_t> magic) const {
    return end >= magic.size() && std::equal(magic.begin(), magic.end(), buffer.begin());
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
    while (done < out.size() && !packed_ended) {
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
      if (status == Z_STREAM_END) packed_ended = true;
      else if (status == Z_MEM_ERROR) throw Error(name + ": zlib ran out of memory");
      else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(std::string("damaged gzip data (") + (inflater.msg != nullptr ? inflater.msg : "no details") + ")");
      }
    }
    return done;
  }

  std::size_t read_xz(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size() && !packed_ended) {
      if (begin == end && !fill()) fail("the xz data end in the middle: the file is truncated");
      lzma.next_in = buffer.data() + begin;
      lzma.avail_in = end - begin;
      lzma.next_out = out.data() + done;
      lzma.avail_out = out.size() - done;
      const lzma_ret status = lzma_code(&lzma, LZMA_RUN);
      begin = end - lzma.avail_in;
      const std::size_t now = out.size() - done - lzma.avail_out;
      done += now;
      offset += static_cast<std::int64_t>(now);
      if (status == LZMA_STREAM_END) packed_ended = true;
      else if (status == LZMA_MEM_ERROR) throw Error(name + ": liblzma ran out of memory");
      else if (status == LZMA_MEMLIMIT_ERROR) {
        fail("the xz data ask for " + std::to_string(lzma_memusage(&lzma) >> 20) + " MiB of memory, at most " +
             std::to_string(kXzMemory >> 20) + " are given; pack the file with `xz -9` or less");
      } else if (status == LZMA_UNSUPPORTED_CHECK) fail("the xz data have a checksum that this liblzma does not know");
      else if (status != LZMA_OK && status != LZMA_BUF_ERROR) fail("damaged xz data");
    }
    return done;
  }

  /// Packed data that end early may be followed by a second gzip member or xz stream: not read, and not taken for a
  /// truncated file.
  std::size_t read_some(std::span<std::uint8_t> out) {
    if (packing == Packing::none) return read_plain(out);
    const std::size_t done = packing == Packing::gzip ? read_gzip(out) : read_xz(out);
    if (done < out.size() && (begin < end || fill())) {
      fail(std::string("trailing bytes after the ") + packing_name(packing) +
           (packing == Packing::gzip ? " member" : " stream") + ", expected the end of the file");
    }
    return done;
  }
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
bool FileStream::compressed() const { return state_->packing != Packing::none; }
std::int64_t FileStream::offset() const { return state_->offset; }

std::int64_t FileStream::most_unpacked() const {
  if (state_->packing == Packing::none) return state_->size;
  return state_->size * (state_->packing == Packing::gzip ? kMostPerGzipByte : kMostPerXzByte);
}

std::size_t FileStream::read_some(std::span<std::uint8_t> out) { return state_->read_some(out); }

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
}

}  // namespace dyadic
