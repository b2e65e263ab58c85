#include "dyadic/data/mat.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/io/strict_json.h"

namespace dyadic {

namespace {

constexpr std::size_t kHeader = 128;
constexpr std::size_t kPiece = std::size_t{1} << 14;
constexpr std::uint32_t kInt8 = 1;
constexpr std::uint32_t kInt32 = 5;
constexpr std::uint32_t kUint32 = 6;
constexpr std::uint32_t kMatrix = 14;
constexpr std::uint32_t kCompressed = 15;
constexpr std::uint32_t kComplexFlag = 0x0800;
constexpr std::int64_t kMostExtents = 16;
constexpr std::int64_t kMostName = 64;

/// How numbers are stored: value = the bytes taken as this kind.
enum class Kind { none, signed_integer, unsigned_integer, real };
struct StorageType {
  Kind kind;
  int size;
};
constexpr std::array<StorageType, 14> kStorage = {{{Kind::none, 0},
                                                   {Kind::signed_integer, 1},
                                                   {Kind::unsigned_integer, 1},
                                                   {Kind::signed_integer, 2},
                                                   {Kind::unsigned_integer, 2},
                                                   {Kind::signed_integer, 4},
                                                   {Kind::unsigned_integer, 4},
                                                   {Kind::real, 4},
                                                   {Kind::none, 0},
                                                   {Kind::real, 8},
                                                   {Kind::none, 0},
                                                   {Kind::none, 0},
                                                   {Kind::signed_integer, 8},
                                                   {Kind::unsigned_integer, 8}}};

/// Classes 6 to 15 of the flags of an array are the numeric ones: double, single, and the integers.
bool is_numeric(std::uint32_t array_class) { return array_class >= 6 && array_class <= 15; }

struct Tag {
  std::uint32_t type = 0;
  std::int64_t size = 0;
  bool is_small = false;  // the data lie in the tag's second half
};

}  // namespace

struct MatReader::State {
  FileStream stream;
  bool swapped = false;

  // The element at the top of the file: its bytes as they lie there, or the zlib stream that they are.
  std::int64_t packed_left = 0;  // bytes of the file still in it
  bool is_packed = false;
  bool ended = false;  // the zlib stream
  z_stream inflater{};
  std::vector<std::uint8_t> piece = {};

  std::int64_t element_left = 0;  // of the array element, unpacked
  std::string array = {};
  StorageType storage{};
  std::int64_t values_left = 0;
  bool in_array = false;

  explicit State(FileStream from) : stream(std::move(from)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { close_packed(); }

  void close_packed() {
    if (is_packed) inflateEnd(&inflater);
    is_packed = false;
  }

  [[noreturn]] void fail(const std::string& what) const {
    const std::string place = array.empty() ? "" : " array " + quoted_for_message(array) + ":";
    throw FileFormatError(fmt::format("{}: before byte {}:{} {}", stream.name(), stream.offset(), place, what));
  }

  std::uint32_t word(const std::uint8_t* bytes) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return swapped ? __builtin_bswap32(value) : value;
  }

  /// Bytes of the unpacked element.
  void take(std::span<std::uint8_t> out) {
    if (static_cast<std::int64_t>(out.size()) > element_left) fail("an element is larger than the one around it");
    element_left -= static_cast<std::int64_t>(out.size());
    take_raw(out);
  }

  void take_raw(std::span<std::uint8_t> out) {
    if (!is_packed) {
      if (static_cast<std::int64_t>(out.size()) > packed_left) fail("an element ends in the middle");
      packed_left -= static_cast<std::int64_t>(out.size());
      stream.read(out);
      return;
    }
    inflater.next_out = out.data();
    inflater.avail_out = static_cast<uInt>(out.size());
    while (inflater.avail_out > 0) {
      if (ended) fail("the compressed data end early");
      feed();
      const int status = inflate(&inflater, Z_NO_FLUSH);
      if (status == Z_STREAM_END) ended = true;
      else if (status == Z_MEM_ERROR) throw Error(stream.name() + ": zlib ran out of memory");
      else if (status != Z_OK && status != Z_BUF_ERROR) fail("damaged compressed data");
      else if (inflater.avail_out > 0 && inflater.avail_in == 0 && packed_left == 0)
        fail("the compressed data end early");
    }
  }

  void feed() {
    if (inflater.avail_in > 0 || packed_left == 0) return;
    const auto now = static_cast<std::size_t>(std::min(packed_left, static_cast<std::int64_t>(piece.size())));
    stream.read(std::span(piece).first(now));
    packed_left -= static_cast<std::int64_t>(now);
    inflater.next_in = piece.data();
    inflater.avail_in = static_cast<uInt>(now);
  }

  void skip_raw(std::int64_t bytes) {
    std::array<std::uint8_t, kPiece> scrap;
    while (bytes > 0) {
      const auto now = static_cast<std::size_t>(std::min(bytes, static_cast<std::int64_t>(scrap.size())));
      take_raw(std::span(scrap).first(now));
      bytes -= static_cast<std::int64_t>(now);
    }
  }

  void skip(std::int64_t bytes) {
    if (bytes > element_left) fail("an element is larger than the one around it");
    element_left -= bytes;
    skip_raw(bytes);
  }

  static std::int64_t padding(const Tag& tag) { return (8 - tag.size % 8) % 8; }

  Tag tag_of(const std::array<std::uint8_t, 8>& bytes) const {
    const std::uint32_t first = word(bytes.data());
    if (first >> 16 != 0) return {first & 0xFFFF, first >> 16, true};
    return {first, word(bytes.data() + 4), false};
  }

  /// A sub-element whose data are at most `most` bytes, with its padding.
  std::vector<std::uint8_t> take_small(const char* what, std::uint32_t type, std::int64_t most) {
    std::array<std::uint8_t, 8> head{};
    take(head);
    const Tag tag = tag_of(head);
    if (tag.type != type) fail(fmt::format("{} of type {}, expected {}", what, tag.type, type));
    if (tag.size > most || (tag.is_small && tag.size > 4)) fail(fmt::format("{} of {} bytes", what, tag.size));
    if (tag.is_small) return {head.begin() + 4, head.begin() + 4 + tag.size};
    std::vector<std::uint8_t> data(static_cast<std::size_t>(tag.size));
    take(data);
    skip(padding(tag));
    return data;
  }

  /// Leaves the element at the top, verifying the checksum of a packed one.
  void leave() {
    in_array = false;
    if (is_packed) {
      skip_raw(element_left);
      std::array<std::uint8_t, 64> scrap;
      while (!ended) {  // padding at the end is a few bytes; more is a bomb
        inflater.next_out = scrap.data();
        inflater.avail_out = static_cast<uInt>(scrap.size());
        feed();
        const int status = inflate(&inflater, Z_NO_FLUSH);
        if (status == Z_STREAM_END) ended = true;
        else if (status != Z_OK || inflater.avail_out == 0) fail("damaged or surplus compressed data");
      }
      if (inflater.avail_in > 0 || packed_left > 0) fail("bytes after the compressed data of an element");
      close_packed();
    } else {
      skip_raw(packed_left);
    }
    element_left = packed_left = 0;
    array.clear();
  }

  /// Enters the next element of the file; false at the end.
  bool enter() {
    std::array<std::uint8_t, 8> head{};
    const std::size_t got = stream.read_some(head);
    if (got == 0) {
      stream.expect_end();
      return false;
    }
    if (got < head.size()) fail("the file ends inside the head of an element: it is truncated");
    const Tag tag = tag_of(head);
    if (tag.is_small) fail("a small element where an array should be");
    packed_left = tag.size;
    if (tag.type == kCompressed) {
      inflater = {};
      if (inflateInit(&inflater) != Z_OK) throw Error(stream.name() + ": zlib could not start");
      is_packed = true;
      ended = false;
      piece.resize(kPiece);
      std::array<std::uint8_t, 8> inner{};
      take_raw(inner);
      const Tag unpacked = tag_of(inner);
      if (unpacked.is_small || unpacked.type != kMatrix) fail("compressed data that are no array");
      element_left = unpacked.size;
      return true;
    }
    if (tag.type != kMatrix) fail(fmt::format("an element of type {}, expected an array", tag.type));
    element_left = tag.size;
    return true;
  }

  /// The head of the array just entered; none if it is none of ours.
  std::optional<MatArray> read_head() {
    if (element_left == 0) return std::nullopt;  // an empty array
    const std::vector<std::uint8_t> flags = take_small("array flags", kUint32, 8);
    if (flags.size() != 8) fail("array flags that are too short");
    const std::uint32_t first = word(flags.data());
    if (!is_numeric(first & 0xFF) || (first & kComplexFlag) != 0) return std::nullopt;
    const std::vector<std::uint8_t> extents = take_small("extents", kInt32, 4 * kMostExtents);
    if (extents.size() < 8 || extents.size() % 4 != 0) fail("fewer than two extents");
    MatArray found;
    std::int64_t count = 1;
    for (std::size_t at = 0; at < extents.size(); at += 4) {
      const auto extent = static_cast<std::int32_t>(word(&extents[at]));
      if (extent < 0 || __builtin_mul_overflow(count, std::int64_t{extent}, &count) || count > kMostMatValues) {
        fail(fmt::format("extent {} of dimension {}: at most {} values are read", extent, at / 4, kMostMatValues));
      }
      found.shape.push_back(extent);
    }
    const std::vector<std::uint8_t> name = take_small("a name", kInt8, kMostName);
    found.name.assign(name.begin(), name.end());
    array = found.name;
    read_storage(count);
    return found;
  }

  void read_storage(std::int64_t count) {
    std::array<std::uint8_t, 8> head{};
    take(head);
    const Tag tag = tag_of(head);
    storage = tag.type < kStorage.size() ? kStorage[tag.type] : StorageType{};
    if (storage.kind == Kind::none) fail(fmt::format("values of type {}, which is no number", tag.type));
    if (tag.size != count * storage.size) {
      fail(fmt::format("{} bytes of values, its extents need {}", tag.size, count * storage.size));
    }
    small_values = tag.is_small;
    if (tag.is_small && tag.size > 4) fail("a small element of more than 4 bytes");
    std::copy(head.begin() + 4, head.end(), small_bytes.begin());
    small_at = 0;
    if (!tag.is_small && tag.size > element_left) fail("more values than the array around them has bytes");
    values_left = count;
    in_array = true;
  }

  bool small_values = false;
  std::array<std::uint8_t, 4> small_bytes{};
  std::size_t small_at = 0;

  void take_values(std::span<std::uint8_t> out) {
    if (!small_values) return take(out);
    std::copy_n(small_bytes.begin() + static_cast<std::ptrdiff_t>(small_at), out.size(), out.begin());
    small_at += out.size();
  }

  /// The value of `size` bytes; -1 for what is no whole number in 0..255.
  int value_of(const std::uint8_t* bytes) const {
    std::array<std::uint8_t, 8> little{};
    const auto size = static_cast<std::size_t>(storage.size);
    std::copy_n(bytes, size, little.begin());
    if (swapped) std::reverse(little.begin(), little.begin() + static_cast<std::ptrdiff_t>(size));
    std::uint64_t bits = 0;
    std::memcpy(&bits, little.data(), little.size());
    if (storage.kind != Kind::real)
      return bits <= 255 && !(storage.kind == Kind::signed_integer && size == 1 && bits > 127) ? static_cast<int>(bits)
                                                                                               : -1;
    const double value = size == 4 ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))
                                   : std::bit_cast<double>(bits);
    return value >= 0 && value <= 255 && value == std::floor(value) ? static_cast<int>(value) : -1;
  }
};

MatReader::MatReader(FileStream stream) : state_(std::make_unique<State>(std::move(stream))) {
  static_assert(std::endian::native == std::endian::little);
  std::array<std::uint8_t, kHeader> header{};
  const std::size_t got = state_->stream.read_some(header);
  const std::string_view text(reinterpret_cast<const char*>(header.data()), got);
  if (text.starts_with("MATLAB 7.3") || text.starts_with("\x89HDF")) {
    state_->fail("MATLAB version 7.3 (HDF5), which is not read: save it with -v7");
  }
  const std::string_view order = got == kHeader ? text.substr(126) : std::string_view();
  if (order != "IM" && order != "MI") state_->fail("not a MATLAB file of version 5 to 7, or truncated");
  state_->swapped = order == "MI";
  const unsigned version = state_->swapped ? header[124] << 8 | header[125] : header[125] << 8 | header[124];
  if (version != 0x0100) state_->fail(fmt::format("version 0x{:04X}, expected 0x0100", version));
}

MatReader::~MatReader() = default;
MatReader::MatReader(MatReader&&) noexcept = default;
MatReader& MatReader::operator=(MatReader&&) noexcept = default;

const std::string& MatReader::file() const { return state_->stream.name(); }

std::optional<MatArray> MatReader::next() {
  for (;;) {
    state_->leave();
    if (!state_->enter()) return std::nullopt;
    if (auto array = state_->read_head()) return array;
  }
}

void MatReader::read(std::span<std::uint8_t> out) {
  State& state = *state_;
  if (!state.in_array || static_cast<std::int64_t>(out.size()) > state.values_left) {
    throw UsageError(file() + ": more values asked for than the array has");
  }
  state.values_left -= static_cast<std::int64_t>(out.size());
  const auto size = static_cast<std::size_t>(state.storage.size);
  std::array<std::uint8_t, kPiece> bytes;
  while (!out.empty()) {
    const std::size_t now = std::min(out.size(), kPiece / size);
    state.take_values(std::span(bytes).first(now * size));
    for (std::size_t i = 0; i < now; ++i) {
      const int value = state.value_of(&bytes[i * size]);
      if (value < 0) state.fail("a value that is not a whole number in 0..255");
      out[i] = static_cast<std::uint8_t>(value);
    }
    out = out.subspan(now);
  }
}

}  // namespace dyadic
