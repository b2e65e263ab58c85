#include "dyadic/data/prepared.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <algorithm>
#include <stdexcept>

#include "dyadic/base/error.h"
#include "dyadic/data/catalog.h"
#include "dyadic/data/scenes.h"
#include "dyadic/io/file_descriptor.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

int fits = 0;

/// value = byte / 2 + the largest training byte.
Transform fit_halves(const ImageSet& train) {
  ++fits;
  const float offset = *std::max_element(train.pixels.begin(), train.pixels.end());
  return [offset](const ImageSet& set, std::int64_t first, std::int64_t count, std::span<float> out) {
    const auto size = static_cast<std::size_t>(set.values());
    const auto from = std::span(set.pixels).subspan(static_cast<std::size_t>(first) * size);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * size; ++i) out[i] = 0.5F * from[i] + offset;
  };
}

Transform fit_failure(const ImageSet&) {
  return [](const ImageSet&, std::int64_t first, std::int64_t, std::span<float>) {
    if (first > 0) throw std::runtime_error("killed");
  };
}

constexpr Preparation kHalves = {"halves 1", fit_halves};

class Prepared : public ::testing::Test {
 protected:
  const DataSetRow& row_ = data_set_row("cifar10-whitened");
  const DataSet source_ = generate_scenes_set(1, 1501, 33);
  test::ScratchFolder folder_;
  std::string place_ = folder_ / "cifar10-whitened";
  std::string file_ = folder_ / "cifar10-whitened/cifar10-whitened.safetensors";
};

TEST_F(Prepared, HoldsTheTransformedValuesAndTheLabels) {
  write_prepared(row_, kHalves, source_, place_);
  const DataSet set = load_prepared(row_, kHalves, folder_.path());
  EXPECT_EQ(set.name, "cifar10-whitened");
  EXPECT_EQ(set.origin, place_);
  EXPECT_EQ(set.fingerprint.size(), 64U);
  ASSERT_TRUE(set.train.is_float());
  EXPECT_TRUE(set.train.pixels.empty());
  EXPECT_FALSE(source_.train.is_float());
  for (const auto& [part, from] : {std::pair(&set.train, &source_.train), std::pair(&set.test, &source_.test)}) {
    ASSERT_EQ(part->count(), from->count());
    EXPECT_EQ(part->labels, from->labels);
    EXPECT_EQ(part->shape, (Shape{32, 32, 3}));
    for (const std::int64_t i : {std::int64_t{0}, part->count() - 1}) {
      const auto values = part->example_values(i);
      const auto bytes = from->example(i);
      for (std::size_t at = 0; at < values.size(); ++at) ASSERT_EQ(values[at], 0.5F * bytes[at] + 255);
    }
  }
}

TEST_F(Prepared, OutlivesTheSetItWasLoadedInto) {
  write_prepared(row_, kHalves, source_, place_);
  ImageSet part = load_prepared(row_, kHalves, folder_.path()).test;
  const ImageSet copy = part;
  part = {};
  EXPECT_EQ(copy.example_values(2)[5], 0.5F * source_.test.example(2)[5] + 255);
}

TEST_F(Prepared, IsMadeOnceForEachSource) {
  fits = 0;
  write_prepared(row_, kHalves, source_, place_);
  const std::string first = load_prepared(row_, kHalves, folder_.path()).fingerprint;
  write_prepared(row_, kHalves, source_, place_);
  EXPECT_EQ(fits, 1);
  write_prepared(row_, kHalves, generate_scenes_set(2, 10, 5), place_);
  EXPECT_EQ(fits, 2);
  EXPECT_NE(load_prepared(row_, kHalves, folder_.path()).fingerprint, first);
}

TEST_F(Prepared, IsNeverHalfThere) {
  EXPECT_THROW(write_prepared(row_, {"halves 1", fit_failure}, source_, place_), std::runtime_error);
  EXPECT_TRUE(std::filesystem::is_empty(place_));
  test::write_bytes(place_ + "/.dyadic-1-1.tmp", {1, 2, 3});  // what kill -9 leaves
  write_prepared(row_, kHalves, source_, place_);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(place_), {}), 1);
}

TEST_F(Prepared, IsMadeByOneProcessAtATime) {
  std::filesystem::create_directories(place_);
  const FileDescriptor other(place_, O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(other.number(), LOCK_EX), 0);
  EXPECT_THAT(message_of<IoError>([&] { write_prepared(row_, kHalves, source_, place_); }),
              HasSubstr("another process is making this set"));
}

TEST_F(Prepared, IsRefusedWithAnyByteChangedAndMadeAgain) {
  const DataSet small = generate_scenes_set(1, 2, 1);
  write_prepared(row_, kHalves, small, place_);
  const Bytes whole = test::read_bytes(file_);
  for (std::size_t at = 0; at < whole.size(); at += at < 700 ? 1 : 997) {
    Bytes damaged = whole;
    damaged[at] ^= 4;
    test::write_bytes(file_, damaged);
    EXPECT_THAT(message_of<FileFormatError>([&] { load_prepared(row_, kHalves, folder_.path()); }), HasSubstr(file_))
        << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100}, whole.size() - 1}) {
    test::write_bytes(file_, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_THAT(message_of<FileFormatError>([&] { load_prepared(row_, kHalves, folder_.path()); }),
                HasSubstr("make it again with `dyadic data make cifar10-whitened`"))
        << size;
  }
  write_prepared(row_, kHalves, small, place_);
  EXPECT_EQ(test::read_bytes(file_), whole);
}

TEST_F(Prepared, OfAnotherDefinitionOrSetIsRefused) {
  write_prepared(row_, kHalves, source_, place_);
  EXPECT_THAT(message_of<FileFormatError>([&] {
                load_prepared(row_, {"halves 2", fit_halves}, folder_.path());
              }),
              AllOf(HasSubstr("definition is \"halves 1\", expected \"halves 2\""),
                    HasSubstr("`dyadic data make cifar10-whitened`")));
  std::filesystem::create_directories(folder_ / "svhn-lcn");
  std::filesystem::rename(file_, folder_ / "svhn-lcn/svhn-lcn.safetensors");
  EXPECT_THAT(message_of<FileFormatError>([&] { load_dataset("svhn-lcn", folder_.path()); }), HasSubstr("data_set is"));
}

TEST_F(Prepared, SaysWhatItDoesAndWhatItKeeps) {
  std::vector<std::string> notes;
  const auto note = [&](const std::string& text) { notes.push_back(text); };
  write_prepared(row_, kHalves, source_, place_, note);
  EXPECT_THAT(notes,
              ::testing::ElementsAre(HasSubstr("fitting to "), HasSubstr("train images"), HasSubstr("test images")));
  notes.clear();
  write_prepared(row_, kHalves, source_, place_, note);
  EXPECT_THAT(notes, ::testing::ElementsAre(HasSubstr("kept")));
}

TEST_F(Prepared, NamesTheCommandThatMakesIt) {
  EXPECT_THAT(message_of<MissingInputError>([&] { load_dataset("cifar10-whitened", folder_.path()); }),
              AllOf(HasSubstr(file_), HasSubstr("`dyadic data make cifar10-whitened --data DIR --out "),
                    HasSubstr("`dyadic data get cifar10 --data DIR`")));
  EXPECT_THAT(message_of<MissingInputError>([&] { load_dataset("svhn-lcn", folder_.path()); }),
              HasSubstr("`dyadic data get svhn --data DIR`"));
  EXPECT_THAT(message_of<MissingInputError>([&] { make_data("cifar10-whitened", folder_.path(), 1); }),
              HasSubstr("`dyadic data get cifar10`"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cifar10-whitened"));
  EXPECT_THAT(message_of<UsageError>([&] { get_data("svhn-lcn", folder_.path()); }),
              HasSubstr("`dyadic data make svhn-lcn`"));
}

TEST_F(Prepared, FingerprintsOfFloatsSeeTheirValues) {
  write_prepared(row_, kHalves, source_, place_);
  const DataSet set = load_prepared(row_, kHalves, folder_.path());
  EXPECT_NE(data_fingerprint(set.train, set.test), data_fingerprint(source_.train, source_.test));
  EXPECT_NE(data_fingerprint(set.train, set.test), data_fingerprint(set.test, set.train));
}

}  // namespace
}  // namespace dyadic
