// `dyadic data get` against a server on the loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dyadic/base/error.h"
#include "dyadic/data/catalog.h"
#include "tests/data/loopback_server.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::message_of;
using ::testing::HasSubstr;

TEST(DownloadCatalog, AsksTheUsersMirrorAloneAndNeverInstallsOtherBytes) {
  const test::ScratchFolder folder;
  test::LoopbackServer server;
  const test::ScopedVariable no_proxy("no_proxy", "127.0.0.1");
  const test::ScopedVariable mirror("DYADIC_MIRROR", server.address("/my/mnist").c_str());
  server.serve("/my/mnist/train-images-idx3-ubyte.gz", {.body = {1, 2, 3}});
  const std::string message = message_of<IoError>([&] { get_data("mnist", folder.path()); });
  EXPECT_THAT(message, HasSubstr(server.address("/my/mnist/train-images-idx3-ubyte.gz")));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("https://")));
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder / "mnist/train-images-idx3-ubyte.gz"));
}

TEST(DownloadCatalog, GetsTheRealMnistAndTheResultChecks) {
  const char* directory = std::getenv("DYADIC_DATA");
  if (directory == nullptr) GTEST_SKIP() << "DYADIC_DATA is not set: no real MNIST files to serve";
  const test::ScratchFolder folder;
  test::LoopbackServer server;
  const test::ScopedVariable no_proxy("no_proxy", "127.0.0.1");
  const test::ScopedVariable mirror("DYADIC_MIRROR", server.address("/").c_str());
  for (const DataDownload& file : data_set_row("mnist").downloads) {
    const std::string packed = file.name;
    server.serve("/" + packed, {.body = test::read_bytes(std::string(directory) + "/mnist/" + packed)});
  }
  const auto fetched = get_data("mnist", folder.path());
  ASSERT_EQ(fetched.size(), 4U);
  for (const FetchedFile& file : fetched) EXPECT_EQ(file.result, DownloadResult::fetched);
  EXPECT_TRUE(check_data("mnist", folder.path()).ok);
  const std::size_t asked = server.requests().size();
  for (const FetchedFile& file : get_data("mnist", folder.path())) {
    EXPECT_EQ(file.result, DownloadResult::already_there);
  }
  EXPECT_EQ(server.requests().size(), asked);
}

TEST(DownloadCatalog, AsksForThePublishedFilesOfEachSet) {
  const test::ScratchFolder folder;
  test::LoopbackServer server;
  const test::ScopedVariable no_proxy("no_proxy", "127.0.0.1");
  const test::ScopedVariable mirror("DYADIC_MIRROR", server.address("/").c_str());
  for (const auto& [name, file] : {std::pair("cifar10", "/cifar-10-binary.tar.gz"),
                                   {"svhn", "/train_32x32.mat"},
                                   {"fashion-mnist", "/train-images-idx3-ubyte.gz"}}) {
    EXPECT_THROW(get_data(name, folder.path()), IoError);
    EXPECT_EQ(server.requests().back().path, file);
  }
}

TEST(DownloadCatalog, StopsBetweenFilesWhenTold) {
  const test::ScratchFolder folder;
  test::LoopbackServer server;
  const test::ScopedVariable no_proxy("no_proxy", "127.0.0.1");
  const test::ScopedVariable mirror("DYADIC_MIRROR", server.address("/").c_str());
  const auto fetched = get_data("mnist", folder.path(), [](const DownloadStatus&) { return false; });
  ASSERT_EQ(fetched.size(), 1U);
  EXPECT_EQ(fetched[0].result, DownloadResult::stopped);
}

}  // namespace
}  // namespace dyadic
