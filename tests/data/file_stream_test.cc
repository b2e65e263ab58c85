#include "dyadic/data/file_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dyadic/base/error.h"
#include "dyadic/data/idx.h"
#include "tests/data/packed.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

Bytes sample() {
  Bytes bytes(200000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 7);
  return bytes;
}

Bytes read_all(const Bytes& file, std::size_t size) {
  FileStream stream("f", file);
  Bytes bytes(size);
  stream.read(bytes);
  stream.expect_end();
  return bytes;
}

TEST(XzStream, GivesThePlainBytes) {
  const Bytes plain = sample();
  EXPECT_EQ(read_all(test::xz_packed(plain), plain.size()), plain);
  FileStream stream("f", Bytes{1, 2, 3});
  EXPECT_FALSE(stream.compressed());
  EXPECT_TRUE(FileStream("f", test::xz_packed(plain)).compressed());
}

TEST(XzStream, OtherDataUnderAPackedNameAreRefused) {
  for (const char* name : {"a.xz", "a.gz"}) {
    EXPECT_THAT(message_of<FileFormatError>([&] { FileStream(name, Bytes(20, 7)); }), HasSubstr("as its name says"));
  }
  EXPECT_FALSE(FileStream("a.bin", Bytes(20, 7)).compressed());
}

TEST(XzStream, ReadsSomeUntilTheEnd) {
  const Bytes packed = test::xz_packed({1, 2, 3});
  FileStream stream("f", packed);
  Bytes bytes(5);
  EXPECT_EQ(stream.read_some(bytes), 3U);
  EXPECT_EQ(stream.read_some(bytes), 0U);
  stream.expect_end();
}

TEST(XzStream, RefusesEveryTruncation) {
  const Bytes packed = test::xz_packed({1, 2, 3, 4, 5, 6, 7, 8});
  for (std::size_t size = 6; size < packed.size(); ++size) {  // fewer bytes are no xz file yet
    const Bytes cut(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(message_of<FileFormatError>([&] { read_all(cut, 8); }), HasSubstr("f: at byte")) << size;
  }
}

TEST(XzStream, NeverTakesAFlippedBitForContent) {
  const Bytes plain = {1, 2, 3, 4, 5, 6, 7, 8};
  const Bytes packed = test::xz_packed(plain);
  for (std::size_t bit = 6 * 8; bit < packed.size() * 8; ++bit) {
    Bytes flipped = packed;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << bit % 8);
    EXPECT_THROW(read_all(flipped, plain.size()), FileFormatError) << bit;
  }
}

// gunzip would read on; that the file is truncated would be false.
TEST(GzipStream, SaysThatASecondMemberIsNotRead) {
  Bytes packed = test::gzipped({1, 2, 3});
  const Bytes second = test::gzipped({4, 5, 6});
  packed.insert(packed.end(), second.begin(), second.end());
  for (const std::size_t count : {3U, 6U}) {
    EXPECT_THAT(message_of<FileFormatError>([&] { read_all(packed, count); }),
                HasSubstr("trailing bytes after the gzip member"))
        << count;
  }
}

TEST(XzStream, RefusesSurplusAndTrailingBytes) {
  EXPECT_THAT(message_of<FileFormatError>([] {
                read_all(test::xz_packed({1, 2, 3}), 2);
              }),
              HasSubstr("at byte 2 of the unpacked data: surplus data"));
  Bytes packed = test::xz_packed({1, 2, 3});
  packed.push_back(0);
  EXPECT_THAT(message_of<FileFormatError>([&] { read_all(packed, 3); }),
              HasSubstr("trailing bytes after the xz stream"));
}

TEST(XzStream, RefusesADictionaryBeyondItsMemory) {
  lzma_options_lzma options{};
  lzma_lzma_preset(&options, 0);
  options.dict_size = 256U << 20;
  const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  lzma_filter* const writable = const_cast<lzma_filter*>(filters);
  const Bytes plain = {1, 2, 3};
  Bytes packed(1000);
  std::size_t size = 0;
  ASSERT_EQ(lzma_stream_buffer_encode(writable, LZMA_CHECK_CRC32, nullptr, plain.data(), plain.size(), packed.data(),
                                      &size, packed.size()),
            LZMA_OK);
  packed.resize(size);
  EXPECT_THAT(message_of<FileFormatError>([&] { read_all(packed, 3); }),
              AllOf(HasSubstr("MiB of memory, at most 80"), HasSubstr("xz -9")));
}

TEST(XzStream, CarriesIdxFilesAndTakesNoMemoryForOneThatLies) {
  const Bytes file = idx_bytes({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Bytes packed = test::xz_packed(file);
  EXPECT_EQ(read_idx(FileStream("f", packed), {0, 2, 2}).values, (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
  const Bytes lie = test::xz_packed(idx_bytes({200, 1000, 1000}, {1, 2, 3}));
  EXPECT_THAT(message_of<FileFormatError>([&] {
                read_idx(FileStream("f", lie), {0, 1000, 1000});
              }),
              HasSubstr("declares"));
}

}  // namespace
}  // namespace dyadic
