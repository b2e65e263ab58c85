#include "dyadic/data/download.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "tests/data/loopback_server.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Download : public ::testing::Test {
 protected:
  Download() {
    for (std::size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<std::uint8_t>(i * i / 7 + i / 251);
    wrong_.assign(content_.size(), 1);
  }

  [[nodiscard]] DownloadRequest request(const std::vector<std::string>& paths) const {
    DownloadRequest made;
    for (const std::string& path : paths) made.addresses.push_back(server_.address(path));
    made.destination = destination_;
    made.size = static_cast<std::int64_t>(content_.size());
    made.sha256 = sha256_hex(content_);
    return made;
  }
  [[nodiscard]] Bytes first(std::size_t count) const {
    return {content_.begin(), content_.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  void expect_installed() const {
    EXPECT_EQ(test::read_bytes(destination_), content_);
    EXPECT_FALSE(std::filesystem::exists(part_));
  }
  void expect_not_installed() const { EXPECT_FALSE(std::filesystem::exists(destination_)); }

  test::ScopedVariable no_proxy_{"no_proxy", "127.0.0.1"};
  test::ScratchFolder folder_;
  test::LoopbackServer server_;
  Bytes content_ = Bytes(300000);
  Bytes wrong_;
  std::string destination_ = folder_ / "file.gz";
  std::string part_ = destination_ + ".part";
};

TEST_F(Download, InstallsTheWholeFile) {
  server_.serve("/a", {.body = content_});
  std::int64_t most = 0;
  const auto progress = [&](const DownloadStatus& status) {
    most = std::max(most, status.received);
    EXPECT_EQ(status.size, 300000);
    return true;
  };
  EXPECT_EQ(download_file(request({"/a"}), progress), DownloadResult::fetched);
  expect_installed();
  EXPECT_EQ(most, 300000);
}

TEST_F(Download, FetchesNothingThatIsAlreadyThere) {
  test::write_bytes(destination_, content_);
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::already_there);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Download, ReplacesADamagedFileOnlyByARightOne) {
  test::write_bytes(destination_, wrong_);
  EXPECT_THROW(download_file(request({"/absent"})), IoError);
  EXPECT_EQ(test::read_bytes(destination_), wrong_);
  server_.serve("/a", {.body = content_});
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
}

TEST_F(Download, GoesOnFromAPartialFile) {
  server_.serve("/a", {.body = content_});
  test::write_bytes(part_, first(123456));
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
  ASSERT_EQ(server_.requests().size(), 1U);
  EXPECT_EQ(server_.requests()[0].range_start, 123456);
}

TEST_F(Download, KeepsWhatCameBeforeTheConnectionBrokeAndGoesOnFromIt) {
  server_.serve("/a", {.body = content_, .cut_after = 100000});
  EXPECT_THROW(download_file(request({"/a"})), IoError);
  expect_not_installed();
  EXPECT_EQ(test::read_bytes(part_), first(100000));
  server_.serve("/a", {.body = content_});
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
  EXPECT_EQ(server_.requests().back().range_start, 100000);
}

TEST_F(Download, LetsTheSecondMirrorGoOnWhereTheFirstBroke) {
  server_.serve("/a", {.body = content_, .cut_after = 70000});
  server_.serve("/b", {.body = content_});
  EXPECT_EQ(download_file(request({"/a", "/b"})), DownloadResult::fetched);
  expect_installed();
  EXPECT_EQ(server_.requests().back().path, "/b");
  EXPECT_EQ(server_.requests().back().range_start, 70000);
}

TEST_F(Download, StartsAgainWhereTheServerKnowsNoRanges) {
  server_.serve("/a", {.body = content_, .knows_ranges = false});
  test::write_bytes(part_, first(1000));
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
  ASSERT_EQ(server_.requests().size(), 1U);
  EXPECT_EQ(server_.requests()[0].range_start, 1000);
}

TEST_F(Download, PassesOverAMirrorThatAnswersAnotherRangeAndKeepsWhatItHas) {
  server_.serve("/a", {.body = content_, .range_shift = 1});
  server_.serve("/b", {.body = content_});
  test::write_bytes(part_, first(1000));
  EXPECT_EQ(download_file(request({"/a", "/b"})), DownloadResult::fetched);
  expect_installed();
  ASSERT_EQ(server_.requests().size(), 2U);
  EXPECT_EQ(server_.requests()[1].path, "/b");
  EXPECT_EQ(server_.requests()[1].range_start, 1000);
}

TEST_F(Download, DropsAPartialFileThatDoesNotBelong) {
  server_.serve("/a", {.body = content_});
  test::write_bytes(part_, Bytes(5000, 9));
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
  ASSERT_EQ(server_.requests().size(), 2U);
  EXPECT_EQ(server_.requests()[1].range_start, -1);
}

TEST_F(Download, InstallsAPartialFileThatIsWholeWithoutAsking) {
  test::write_bytes(part_, content_);
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Download, DropsAPartialFileThatIsTooLongOrAsLongAndWrong) {
  server_.serve("/a", {.body = content_});
  for (const std::size_t size : {content_.size(), content_.size() + 1}) {
    std::filesystem::remove(destination_);
    test::write_bytes(part_, Bytes(size, 9));
    EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
    expect_installed();
  }
}

TEST_F(Download, StartsAgainWhenTheServerHasNoSuchRange) {
  // A mirror whose file is shorter than what came before says 416, then sends its short file.
  server_.serve("/a", {.body = first(500)});
  server_.serve("/b", {.body = content_});
  test::write_bytes(part_, first(1000));
  EXPECT_EQ(download_file(request({"/a", "/b"})), DownloadResult::fetched);
  expect_installed();
}

TEST_F(Download, NeverInstallsOtherBytes) {
  server_.serve("/a", {.body = wrong_});
  EXPECT_THAT(message_of<IoError>([&] { download_file(request({"/a"})); }),
              AllOf(HasSubstr(destination_), HasSubstr("/a: SHA-256 " + sha256_hex(wrong_)),
                    HasSubstr("expected " + sha256_hex(content_)), ::testing::Not(HasSubstr("\n"))));
  expect_not_installed();
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Download, UsesTheSecondMirrorAfterANotFound) {
  server_.serve("/b", {.body = content_});
  EXPECT_EQ(download_file(request({"/absent", "/b"})), DownloadResult::fetched);
  expect_installed();
}

TEST_F(Download, UsesTheSecondMirrorAfterWrongBytes) {
  server_.serve("/a", {.body = wrong_});
  server_.serve("/b", {.body = content_});
  EXPECT_EQ(download_file(request({"/a", "/b"})), DownloadResult::fetched);
  expect_installed();
}

TEST_F(Download, NamesEveryMirrorAndItsFault) {
  server_.serve("/short", {.body = first(77)});
  server_.serve("/ill", {.status = 503});
  const std::string message = message_of<IoError>([&] { download_file(request({"/absent", "/short", "/ill"})); });
  EXPECT_THAT(message, AllOf(HasSubstr("/absent: "), HasSubstr("404"), HasSubstr("/short: 77 bytes, expected 300000"),
                             HasSubstr("/ill: "), HasSubstr("503")));
  expect_not_installed();
}

TEST_F(Download, CutsOffAMirrorThatSendsTooMuch) {
  Bytes longer = content_;
  longer.resize(50'000'000);
  server_.serve("/a", {.body = longer});
  EXPECT_THAT(message_of<IoError>([&] { download_file(request({"/a"})); }),
              HasSubstr("sends more than the expected 300000 bytes"));
  expect_not_installed();
  EXPECT_LE(std::filesystem::file_size(part_), content_.size());
}

TEST_F(Download, FollowsAFewRedirectionsButNotACircle) {
  server_.serve("/a", {.status = 302, .redirect = "/b"});
  server_.serve("/b", {.body = content_});
  EXPECT_EQ(download_file(request({"/a"})), DownloadResult::fetched);
  expect_installed();
  server_.serve("/round", {.status = 302, .redirect = "/round"});
  std::filesystem::remove(destination_);
  EXPECT_THROW(download_file(request({"/round"})), IoError);
  EXPECT_LE(server_.requests().size(), 2U + 6U);
}

TEST_F(Download, KnowsOnlyHttpAlsoBehindARedirection) {
  const std::string secret = folder_ / "secret";
  test::write_bytes(secret, content_);
  DownloadRequest local = request({});
  local.addresses = {"file://" + secret};
  EXPECT_THAT(message_of<UsageError>([&] { download_file(local); }), HasSubstr("only http:// and https://"));
  server_.serve("/a", {.status = 302, .redirect = "file://" + secret});
  EXPECT_THAT(message_of<IoError>([&] { download_file(request({"/a"})); }), HasSubstr("Protocol \"file\""));
  expect_not_installed();
}

TEST_F(Download, StopsWhenToldAndKeepsWhatCame) {
  server_.serve("/a", {.body = content_, .cut_after = 150000});
  const auto stop_after_some = [](const DownloadStatus& status) { return status.received < 1000; };
  EXPECT_EQ(download_file(request({"/a"}), stop_after_some), DownloadResult::stopped);
  expect_not_installed();
  EXPECT_GE(std::filesystem::file_size(part_), 1000U);
}

TEST_F(Download, PassesOnWhatTheProgressThrows) {
  server_.serve("/a", {.body = content_});
  EXPECT_THROW(download_file(request({"/a"}), [](const DownloadStatus&) -> bool { throw NonFiniteError("x"); }),
               NonFiniteError);
}

TEST_F(Download, RefusesToShareItsPartialFile) {
  const int held = open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(flock(held, LOCK_EX), 0);
  EXPECT_THAT(message_of<IoError>([&] { download_file(request({"/a"})); }), HasSubstr("another process"));
  close(held);
}

TEST_F(Download, SaysSoWhenTheFolderCannotBeWritten) {
  DownloadRequest nowhere = request({"/a"});
  nowhere.destination = folder_ / "absent/file.gz";
  EXPECT_THAT(message_of<IoError>([&] { download_file(nowhere); }), HasSubstr("absent/file.gz"));
}

}  // namespace
}  // namespace dyadic
