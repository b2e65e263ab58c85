#include "dyadic/base/sha256.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

std::string hash_of(std::string_view text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

// The examples of FIPS 180-4's companion document, and the empty message.
TEST(Sha256, GivesThePublishedAnswers) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DependsOnTheBytesAndNotOnThePieces) {
  std::vector<std::uint8_t> bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  for (const std::size_t piece : {1, 3, 63, 64, 65, 999}) {
    Sha256 hash;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      hash.update(bytes.data() + at, std::min(piece, bytes.size() - at));
    }
    EXPECT_EQ(hash.hex(), sha256_hex(bytes)) << "pieces of " << piece;
  }
}

TEST(Sha256, MayBeReadOnTheWay) {
  Sha256 hash;
  hash.update("ab", 2);
  EXPECT_EQ(hash.hex(), hash_of("ab"));
  hash.update("c", 1);
  EXPECT_EQ(hash.hex(), hash_of("abc"));
}

TEST(Sha256, HashesAFileInPieces) {
  const std::string path = ::testing::TempDir() + "sha256_test_file";
  const std::string text(200001, 'x');
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(sha256_file_hex(path), hash_of(text));
  EXPECT_THROW(sha256_file_hex(path + ".absent"), MissingInputError);
  EXPECT_THROW(sha256_file_hex(::testing::TempDir()), IoError);
}

}  // namespace
}  // namespace dyadic
