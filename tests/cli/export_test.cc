// `dyadic export` and `dyadic eval MODEL`, as the user of the program meets them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/io/file.h"
#include "dyadic/io/safetensors.h"
#include "tests/cli/program.h"
#include "tests/cli/small_digits.h"

namespace dyadic {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kRecipe = R"(seed = 3
[data]
name = "digits"
split = { train = 300, valid = 100 }
pixels = "signed"
[network]
input = [28, 28, 1]
layers = [
  { name = "c", type = "conv2d", channels = 6, kernel = 5, stride = 2, bias = "none", init = "uniform" },
  { type = "max_pool", size = 2 },
  { type = "batch_norm" },
  { type = "multi_step" },
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform" },
  { type = "batch_norm" },
]
loss = "squared_hinge"
[formats]
input = "q1.7"
weight = "ternary"
preactivation = "exact"
activation = "ternary"
[train]
epochs = 1
batch = 20
optimizer = { type = "adam" }
learning_rate = 0.05
momentum = 0
)";

class Export : public testing::Test {
 protected:
  void SetUp() override {
    write_small_digits(directory_ / "data");
    write_file_atomically(directory_ / "r.toml", kRecipe);
  }
  Result dyadic(const Words& words) { return run(words, directory_.path()); }
  void train(const std::string& out, const Words& more = {}) {
    Words words = {"train", "r.toml", "--out", out, "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    const Result result = dyadic(words);
    ASSERT_EQ(result.code, 0) << result.err;
  }
  static void expect_error(const Result& result, int code, const std::string& named) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    EXPECT_NE(result.err.find(named), std::string::npos) << result.err;
  }

  TemporaryDirectory directory_;
};

TEST_F(Export, AModelIsEvaluatedToTheSameNumbersWithoutItsRun) {
  train("run");
  const Result of_run = dyadic({"eval", "run", "--json"});
  ASSERT_EQ(of_run.code, 0) << of_run.err;
  for (const Words& packing : {Words{}, Words{"--pack", "bits"}, Words{"--pack", "trits"}}) {
    Words words = {"export", "run", "--to", "safetensors", "-o", "m.safetensors", "--json"};
    words.insert(words.end(), packing.begin(), packing.end());
    const Result exported = dyadic(words);
    ASSERT_EQ(exported.code, 0) << exported.err;
    EXPECT_EQ(json_value(exported.out, "bytes"),
              std::to_string(std::filesystem::file_size(directory_ / "m.safetensors")));
    EXPECT_EQ(json_value(exported.out, "weights"), std::to_string(6 * 25 + 6 * 36 * 10));
    std::filesystem::rename(directory_ / "run", directory_ / "away");
    const Result of_model = dyadic({"eval", "m.safetensors", "--json"});
    std::filesystem::rename(directory_ / "away", directory_ / "run");
    ASSERT_EQ(of_model.code, 0) << of_model.err;
    EXPECT_EQ(json_value(of_model.out, "checkpoint"), "\"m.safetensors\"");
    for (const char* key :
         {"event", "step", "test_error", "validation_error", "test_loss", "test_examples", "checkpoint_sha256"}) {
      EXPECT_NE(json_value(of_run.out, key), "") << key;
      EXPECT_EQ(json_value(of_model.out, key), json_value(of_run.out, key)) << key;
    }
    EXPECT_NE(json_value(of_model.out, "kernels"), "");
    EXPECT_EQ(std::ranges::count(of_model.out, ':'), std::ranges::count(of_run.out, ':') + 1) << "no key too many";
  }
}

TEST_F(Export, TheFileIsNamedAfterTheRun) {
  train("some-run");
  Result result = dyadic({"export", "some-run/", "--to", "safetensors"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("some-run.safetensors: 2310 weights in "), std::string::npos) << result.out;
  EXPECT_TRUE(std::filesystem::exists(directory_ / "some-run.safetensors"));
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "some-run/checkpoints")) {
    const std::string checkpoint = entry.path().filename().string();
    result = dyadic({"export", "some-run/checkpoints/" + checkpoint, "--to", "safetensors"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_TRUE(std::filesystem::exists(directory_ / ("some-run-" + checkpoint)));
    EXPECT_EQ(dyadic({"eval", "some-run/checkpoints/" + checkpoint}).code, 0) << "still a checkpoint";
    expect_error(dyadic({"export", "some-run", "--to", "safetensors", "-o", "some-run/checkpoints/" + checkpoint}), 2,
                 checkpoint + " is the checkpoint itself");
  }
}

TEST_F(Export, OtherTargetsAreRefusedInOneLine) {
  for (const char* target : {"onnx", "c", "nullhop"}) {
    expect_error(dyadic({"export", "run", "--to", target}), 2,
                 "--to " + std::string(target) + " is not there yet; --to safetensors is");
  }
  expect_error(dyadic({"export", "run", "--to", "safetensor"}), 2, "the nearest is safetensors");
  expect_error(dyadic({"export", "run"}), 2, "--to is missing");
  expect_error(dyadic({"export", "run", "--to", "safetensors", "--pack", "trit"}), 2, "the nearest is trits");
  expect_error(dyadic({"export", "no-run", "--to", "safetensors"}), 66, "no-run");
}

TEST_F(Export, NetworksThatCannotBePackedAreRefusedByLayerAndReason) {
  train("float", {"--set", "formats.weight=float32"});
  expect_error(dyadic({"export", "float", "--to", "safetensors", "-o", "f.safetensors"}), 2,
               "layer c (network.layers[0], conv2d) cannot be packed: its weights are float32");
  train("rounded", {"--set", "formats.preactivation=q12.8"});
  expect_error(dyadic({"export", "rounded", "--to", "safetensors", "-o", "f.safetensors"}), 2,
               "layer c (network.layers[0], conv2d) cannot be packed: its sums are rounded to q12.8");
  train("z2", {"--set", "formats.weight=z2"});
  expect_error(dyadic({"export", "z2", "--to", "safetensors", "-o", "f.safetensors", "--pack", "trits"}), 2,
               "tensor \"c.weight\": trits hold ternary, not z2");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "f.safetensors"));
}

TEST_F(Export, ADamagedModelIsRefused) {
  train("run");
  ASSERT_EQ(dyadic({"export", "run", "--to", "safetensors", "-o", "m.safetensors"}).code, 0);
  const std::string path = directory_ / "m.safetensors";
  const SafetensorsFile good = read_safetensors(path);
  const auto with = [&](auto change) {
    SafetensorsFile file = good;
    change(file, *std::ranges::find(file.tensors, "c.weight", &StoredTensor::name),
           *std::ranges::find(file.tensors, "c.thresholds", &StoredTensor::name));
    write_safetensors_atomically(path, file);
    return dyadic({"eval", "m.safetensors"});
  };
  expect_error(with([](auto&, StoredTensor& weight, auto&) { weight.bytes[2] = std::byte{0xFF}; }), 65,
               "m.safetensors: tensor \"c.weight\": element 8 is 3, which is no code of ternary");
  expect_error(with([](auto&, auto&, StoredTensor& thresholds) { thresholds.bytes[1] = std::byte{0x7F}; }), 65,
               "m.safetensors: tensor c.thresholds: channel 0: threshold ");
  expect_error(with([](SafetensorsFile& file, auto&, auto&) { file.tensors.pop_back(); }), 65,
               "m.safetensors: tensor \"out.bias\": not in the file");
  expect_error(with([](SafetensorsFile& file, auto&, auto&) {
                 std::string& recipe = file.metadata.at("dyadic.recipe");
                 recipe.replace(recipe.find("\"digits\""), 8, "\"digitz\"");
               }),
               65, "m.safetensors: ");
  const std::string bytes = read_text_file(path);
  write_file_atomically(path, std::string_view(bytes).substr(0, bytes.size() - 1));
  expect_error(dyadic({"eval", "m.safetensors"}), 65, "m.safetensors");
}

TEST_F(Export, OtherDataAreAWarning) {
  train("run");
  ASSERT_EQ(dyadic({"export", "run", "--to", "safetensors", "-o", "m.safetensors"}).code, 0);
  EXPECT_EQ(dyadic({"eval", "m.safetensors"}).err, "");
  const std::string labels = directory_ / "data/digits/t10k-labels-idx1-ubyte";
  std::string bytes = read_text_file(labels);
  bytes[8] = static_cast<char>((bytes[8] + 1) % 10);
  write_file_atomically(labels, std::string_view(bytes));
  const Result result = dyadic({"eval", "m.safetensors"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.err.find("m.safetensors: the data are not those"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace dyadic
