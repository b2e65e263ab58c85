#include "dyadic/data/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "dyadic/base/error.h"
#include "dyadic/data/digits.h"
#include "dyadic/data/idx.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::message_of;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const DataListing& listing(const std::vector<DataListing>& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const DataListing& one) { return one.name == name; });
}

TEST(Catalog, ListsEverySetAndWhereItIs) {
  const test::ScratchFolder folder;
  const auto before = list_data(folder.path());
  ASSERT_EQ(before.size(), data_set_table().size());
  EXPECT_EQ(listing(before, "mnist").location, "");
  EXPECT_EQ(listing(before, "mnist").shape, "28x28x1");
  EXPECT_EQ(listing(before, "mnist").train, 60000);
  EXPECT_FALSE(listing(before, "mnist").generated);
  EXPECT_EQ(listing(before, "digits").location, "generated on demand");
  EXPECT_TRUE(listing(before, "digits").generated);
  EXPECT_EQ(listing(before, "scenes").location, "generated on demand");
  EXPECT_EQ(listing(before, "svhn").shape, "32x32x3");
  for (const char* name : {"cifar10-whitened", "svhn-lcn"}) {
    EXPECT_TRUE(listing(before, name).prepared);
    EXPECT_FALSE(listing(before, name).generated);
    EXPECT_EQ(listing(before, name).location, "");
  }
  EXPECT_FALSE(listing(before, "cifar10").prepared);
  write_idx(generate_digits_set(1, 3, 2), folder / "mnist");
  EXPECT_EQ(listing(list_data(folder.path()), "mnist").location, folder / "mnist");
}

TEST(Catalog, MakesGeneratedSetsAndChecksThem) {
  const test::ScratchFolder folder;
  EXPECT_EQ(make_data("digits", folder.path(), 2), folder / "digits");
  DataCheck check = check_data("digits", folder.path());
  EXPECT_TRUE(check.counts_match);
  EXPECT_FALSE(check.ok);  // well-formed, but of another seed than the table's
  EXPECT_FALSE(check.files[0].published);
  // Another seed does not overwrite them.
  EXPECT_THAT(message_of<UsageError>([&] { make_data("digits", folder.path(), kDigitSeed); }),
              HasSubstr("holds something else: remove it"));
  EXPECT_EQ(check_data("digits", folder.path()).fingerprint, check.fingerprint);
  fs::remove_all(folder / "digits");
  make_data("digits", folder.path(), kDigitSeed);
  check = check_data("digits", folder.path());
  EXPECT_TRUE(check.ok);
  ASSERT_EQ(check.files.size(), 4U);
  EXPECT_EQ(check.files[0].bytes, 47040016);
  EXPECT_EQ(check.origin, folder / "digits");
}

TEST(Catalog, ReportsAReadableSetThatIsAnotherOne) {
  const test::ScratchFolder folder;
  write_idx(generate_digits_set(1, 3, 2), folder / "mnist");
  const DataCheck check = check_data("mnist", folder.path());
  EXPECT_FALSE(check.counts_match);
  EXPECT_FALSE(check.ok);
  for (const CheckedFile& file : check.files) EXPECT_FALSE(file.published) << file.name;
}

TEST(Catalog, SendsEachSetToTheRightCommand) {
  EXPECT_THAT(message_of<UsageError>([] { get_data("digits", ""); }), HasSubstr("dyadic data make digits"));
  EXPECT_THAT(message_of<UsageError>([] { make_data("mnist", "", 1); }), HasSubstr("dyadic data get mnist"));
  EXPECT_THROW(make_data("digit", "", 1), UsageError);
  const test::ScratchFolder folder;
  EXPECT_THROW(check_data("mnist", folder.path()), MissingInputError);
}

TEST(Catalog, WritesAPageOfSamples) {
  const test::ScratchFolder folder;
  write_sample_page("digits", "", folder / "page.png");
  EXPECT_GT(std::filesystem::file_size(folder / "page.png"), 1000U);
}

TEST(Catalog, FindsTheRealMnistInOrder) {
  const char* directory = std::getenv("DYADIC_DATA");
  if (directory == nullptr) GTEST_SKIP() << "DYADIC_DATA is not set: the real MNIST files are not checked";
  EXPECT_TRUE(check_data("mnist", "").ok);
}

}  // namespace
}  // namespace dyadic
