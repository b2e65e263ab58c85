#include "dyadic/data/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "dyadic/base/error.h"
#include "tests/data/packed.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using test::Tar;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::map<std::string, Bytes> contents(const Bytes& file) {
  std::map<std::string, Bytes> found;
  TarReader reader{FileStream("a.tar", file)};
  while (const auto entry = reader.next()) {
    Bytes& bytes = found[entry->name];
    bytes.resize(static_cast<std::size_t>(entry->size) + 3);
    bytes.resize(reader.read_some(bytes));
  }
  return found;
}

std::string tar_refusal(const Bytes& file) {
  return message_of<FileFormatError>([&] { contents(file); });
}

TEST(Tar, HandsOutRegularFilesPlainAndPacked) {
  const Bytes file = Tar().add("d/", {}, '5').add("d/one", Bytes(600, 7)).add("two", {1, 2}).add("none", {}).finished();
  const std::map<std::string, Bytes> expected = {{"d/one", Bytes(600, 7)}, {"two", {1, 2}}, {"none", {}}};
  EXPECT_EQ(contents(file), expected);
  EXPECT_EQ(contents(test::gzipped(file)), expected);
  EXPECT_EQ(contents(test::xz_packed(file)), expected);
}

TEST(Tar, SkipsWhatIsNotRead) {
  const Bytes file = Tar().add("big", Bytes(5000, 1)).add("two", {1, 2}).finished();
  TarReader reader{FileStream("a.tar", file)};
  Bytes some(10);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.read_some(some), 10U);
  EXPECT_EQ(reader.next()->name, "two");
  EXPECT_EQ(reader.read_some(some), 2U);
  EXPECT_EQ(reader.read_some(some), 0U);
  EXPECT_FALSE(reader.next());
}

TEST(Tar, JoinsThePrefixOfALongName) {
  Tar tar;
  tar.add("file", {5}).patch_header(0, 345, "some/folder");
  EXPECT_EQ(contents(tar.finished()).begin()->first, "some/folder/file");
}

TEST(Tar, RefusesNamesThatLeadOut) {
  for (const char* name : {"/etc/x", "../x", "a/../../x", "a/..", ".."}) {
    EXPECT_THAT(tar_refusal(Tar().add(name, {1}).finished()),
                AllOf(HasSubstr("a.tar: at byte 0"), HasSubstr("leads out of the archive's folder")))
        << name;
  }
  EXPECT_EQ(contents(Tar().add("a..b/..c", {1}).finished()).size(), 1U);
}

TEST(Tar, RefusesLinksDevicesAndLongNames) {
  for (const char type : {'1', '2', '3', '4', '6', '7', 'L', 'S'}) {
    EXPECT_THAT(tar_refusal(Tar().add("x", {}, type).finished()), HasSubstr("only regular files and folders")) << type;
  }
}

TEST(Tar, RefusesSizesThatCannotBe) {
  for (const std::string& size :
       {std::string("77777777777"), std::string("12x"), std::string("\x80\0\0\0\1\0\0\0\0\0\0\0", 12)}) {
    Tar tar;
    tar.add("x", {1}).patch_header(0, 124, size);
    EXPECT_THAT(tar_refusal(tar.finished()), HasSubstr("size")) << size;
  }
}

TEST(Tar, RefusesEveryTruncationAndDamagedHeaders) {
  const Bytes whole = Tar().add("x", Bytes(700, 3)).finished();
  for (std::size_t size = 0; size < whole.size() - 512; size += 37) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(contents(cut), FileFormatError) << size;
  }
  for (std::size_t at = 0; at < 512; at += 3) {
    Bytes damaged = whole;
    damaged[at] = static_cast<std::uint8_t>(damaged[at] + 1);
    EXPECT_THROW(contents(damaged), FileFormatError) << at;
  }
}

TEST(Tar, RefusesDataAfterItsEnd) {
  Bytes file = Tar().add("x", {1}).finished();
  file.push_back(1);
  EXPECT_THAT(tar_refusal(file), HasSubstr("after the end of the archive"));
}

TEST(Tar, PassesOverExtendedHeadersThatChangeNothing) {
  const auto header = [](const std::string& text) { return Bytes(text.begin(), text.end()); };
  EXPECT_EQ(contents(Tar().add("h", header("17 mtime=123.456\n"), 'x').add("x", {1}).finished()).size(), 1U);
  for (const char* text : {"10 path=b\n", "10 size=9\n", "nonsense", "99 a=b\n", "0 a=b\n"}) {
    EXPECT_THAT(tar_refusal(Tar().add("h", header(text), 'x').add("x", {1}).finished()), HasSubstr("extended header"))
        << text;
  }
}

}  // namespace
}  // namespace dyadic
