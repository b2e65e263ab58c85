// A packed model in a file: what it holds, and what the reader says of files that are not what they should be.
#include "dyadic/convert/packed_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/convert/pack_network.h"
#include "dyadic/io/file.h"
#include "tests/convert/small_discrete.h"

namespace dyadic {
namespace {

const PackedModel& small_model() {
  static const PackedModel model = [] {
    const auto trainer = trained(small_discrete(), 8);
    PackedModel packed =
        pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer));
    packed.step = 8;
    packed.state_sha256 = "abc";
    packed.data_fingerprint = some_digits().fingerprint;
    return packed;
  }();
  return model;
}

std::vector<std::uint8_t> classes_of(PackedNetwork network) {
  const ImageSet& set = some_digits().test;
  return network.forward(network.input_codes(std::span<const std::uint8_t>(set.pixels), set.count()));
}

/// Through bytes, as a file has them.
SafetensorsFile through_bytes(const SafetensorsFile& file) {
  return parse_safetensors(serialize_safetensors(file), "m.safetensors");
}

TEST(PackedFile, HoldsTheWholeNetwork) {
  const std::vector<std::uint8_t> expected = classes_of(PackedNetwork(small_model()));
  for (const Packing packing : {Packing::bits, Packing::trits}) {
    const SafetensorsFile file = through_bytes(make_packed_file(small_model(), packing));
    EXPECT_TRUE(is_packed_file(file));
    const PackedNetwork network = parse_packed_file(file, "m.safetensors");
    EXPECT_EQ(network.model().recipe, small_model().recipe);
    EXPECT_EQ(network.model().step, 8U);
    EXPECT_EQ(network.model().state_sha256, "abc");
    EXPECT_EQ(network.model().data_fingerprint, some_digits().fingerprint);
    EXPECT_EQ(classes_of(network), expected);
  }
  EXPECT_FALSE(is_packed_file({}));
}

TEST(PackedFile, WeightsTakeTwoBitsOrAFifthOfAByte) {
  const auto weight_bytes = [](Packing packing) {
    return make_packed_file(small_model(), packing).find("h.weight")->bytes.size();
  };
  EXPECT_EQ(weight_bytes(Packing::bits), 16U * 72 / 4);
  EXPECT_EQ(weight_bytes(Packing::trits), (16U * 72 + 4) / 5);
  const SafetensorsFile file = make_packed_file(small_model(), Packing::bits);
  EXPECT_EQ(file.find("c1.thresholds")->dtype, "I16");
  EXPECT_EQ(file.find("c1.thresholds")->shape, (Shape{2, 6}));
  EXPECT_EQ(file.find("c1.directions")->bytes.size(), 1U);
  EXPECT_EQ(file.find("out.thresholds"), nullptr);
  EXPECT_EQ(file.find("out.variance")->dtype, "F32");
  EXPECT_EQ(file.metadata.at("dyadic.packed_model"), "1");
}

TEST(PackedFile, ThresholdsOfWideSumsAreInt32) {
  const auto trainer = trained(small_discrete({"formats.weight=z6", "formats.activation=z6"}), 2);
  const PackedModel model =
      pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer));
  const SafetensorsFile file = through_bytes(make_packed_file(model, Packing::bits));
  EXPECT_EQ(file.find("c1.thresholds")->dtype, "I32") << "sums to 25 * 128 * 32";
  EXPECT_EQ(file.find("c2.thresholds")->dtype, "I16") << "sums to 27 * 32 * 32";
  EXPECT_EQ(classes_of(parse_packed_file(file, "m.safetensors")), classes_of(PackedNetwork(model)));
}

TEST(PackedFile, TritsAreTernary) {
  const auto trainer =
      trained(small_discrete({"formats.node=[{match = \"h\", weight = \"z2\", weight_master = \"z2\"}]"}), 1);
  const PackedModel model =
      pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer));
  EXPECT_NO_THROW(make_packed_file(model, Packing::bits));
  try {
    make_packed_file(model, Packing::trits);
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()),
              "tensor \"h.weight\": trits hold ternary, not z2:sat:rne; leave out --pack trits");
  }
}

struct BadRow {
  const char* name;
  Packing packing;
  std::function<void(SafetensorsFile& file)> change;
  const char* message;
};

StoredTensor& tensor_of(SafetensorsFile& file, const std::string& name) {
  return *std::ranges::find(file.tensors, name, &StoredTensor::name);
}

void set_int32(SafetensorsFile& file, const std::string& name, std::size_t index, std::int32_t value) {
  std::memcpy(tensor_of(file, name).bytes.data() + index * 4, &value, 4);
}

void set_int16(SafetensorsFile& file, const std::string& name, std::size_t index, std::int16_t value) {
  std::memcpy(tensor_of(file, name).bytes.data() + index * 2, &value, 2);
}

void replace_in_metadata(SafetensorsFile& file, const std::string& key, const std::string& from,
                         const std::string& to) {
  std::string& text = file.metadata.at(key);
  ASSERT_NE(text.find(from), std::string::npos) << text;
  text.replace(text.find(from), from.size(), to);
}

void erase_tensor(SafetensorsFile& file, const std::string& name) {
  std::erase_if(file.tensors, [&](const StoredTensor& tensor) { return tensor.name == name; });
}

const std::vector<BadRow> kBad = {
    {"a code outside the space", Packing::bits,
     [](auto& file) { tensor_of(file, "h.weight").bytes[1] = std::byte{0b11000000}; },
     "m.safetensors: tensor \"h.weight\": element 7 is 3, which is no code of ternary:sat:rne"},
    {"a byte above 242", Packing::trits, [](auto& file) { tensor_of(file, "h.weight").bytes[3] = std::byte{243}; },
     "m.safetensors: tensor \"h.weight\": trits: byte 3 is 243, above 242"},
    {"thresholds that do not ascend", Packing::bits,
     [](auto& file) {
       set_int16(file, "h.thresholds", 2, 5);
       set_int16(file, "h.thresholds", 16 + 2, 4);
     },
     "m.safetensors: tensor h.thresholds: channel 2: threshold 4 comes after 5; they must ascend"},
    {"a threshold beyond all sums", Packing::bits, [](auto& file) { set_int16(file, "h.thresholds", 16, 74); },
     "m.safetensors: tensor h.thresholds: channel 0: threshold 74 is outside -72..73"},
    {"too few thresholds", Packing::bits,
     [](auto& file) {
       StoredTensor& stored = tensor_of(file, "h.thresholds");
       stored.bytes.resize(stored.bytes.size() / 2);
       stored.shape = {1, 16};
       replace_in_metadata(file, "tensor.h.thresholds", "[2,16]", "[1,16]");
     },
     "m.safetensors: tensor h.thresholds: thresholds [1, 16] where [2, 16] are needed"},
    {"too few directions", Packing::bits,
     [](auto& file) {
       StoredTensor& stored = tensor_of(file, "h.directions");
       stored.bytes.resize(1);
       stored.shape = {1};
       replace_in_metadata(file, "tensor.h.directions", "[16]", "[8]");
     },
     "m.safetensors: tensor h.thresholds: 8 directions where 16 are needed"},
    {"a weight of another shape", Packing::bits,
     [](auto& file) { replace_in_metadata(file, "tensor.h.weight", "[16,72]", "[72,16]"); },
     "m.safetensors: tensor h.weight: ternary:sat:rne [72, 16], the recipe needs ternary:sat:rne [16, 72]"},
    {"a weight of another format", Packing::bits,
     [](auto& file) {
       StoredTensor& stored = tensor_of(file, "h.weight");
       replace_in_metadata(file, "tensor.h.weight", "ternary", "binary");
       stored.bytes.resize(stored.bytes.size() / 2);
       stored.shape = {std::ssize(stored.bytes)};
     },
     "m.safetensors: tensor h.weight: binary:sat:rne [16, 72], the recipe needs ternary:sat:rne [16, 72]"},
    {"an unknown format", Packing::bits,
     [](auto& file) { replace_in_metadata(file, "tensor.h.weight", "ternary", "quaternary"); },
     "m.safetensors: tensor \"h.weight\": metadata: format 'quaternary"},
    {"thresholds in another format", Packing::bits,
     [](auto& file) { replace_in_metadata(file, "tensor.h.thresholds", "q16.0", "q8.8"); },
     "m.safetensors: tensor \"h.thresholds\": q8.8:sat:rne [2, 16], a packed model has q16.0:sat:rne of 2 "
     "dimensions"},
    {"a missing weight", Packing::bits, [](auto& file) { erase_tensor(file, "c2.weight"); },
     "m.safetensors: tensor \"c2.weight\": not in the file"},
    {"missing thresholds", Packing::bits, [](auto& file) { erase_tensor(file, "c2.thresholds"); },
     "m.safetensors: tensor \"c2.thresholds\": not in the file"},
    {"a missing average", Packing::bits, [](auto& file) { erase_tensor(file, "out.mean"); },
     "m.safetensors: tensor \"out.mean\": not in the file"},
    {"a tensor too many", Packing::bits,
     [](auto& file) { pack_tensor(file, "x.weight", Tensor({2}, parse_format("ternary"))); },
     "m.safetensors: tensor \"x.weight\": the recipe has no place for it"},
    {"an average of too few channels", Packing::bits,
     [](auto& file) {
       StoredTensor& stored = tensor_of(file, "out.mean");
       stored.bytes.resize(36);
       stored.shape = {9};
       replace_in_metadata(file, "tensor.out.mean", "[10]", "[9]");
     },
     "m.safetensors: tensor out.mean: float32:inf:rne [9], the recipe needs float32:inf:rne [10]"},
    {"a scale that is no number", Packing::bits, [](auto& file) { set_int32(file, "out.scale", 4, 0x7FC00000); },
     "m.safetensors: tensor out.scale, .bias, .mean or .variance: channel 4: the score of sum -16 is no finite float32 "
     "number"},
    {"a recipe that is none", Packing::bits, [](auto& file) { file.metadata.at("dyadic.recipe") = "seed = "; },
     "m.safetensors: its recipe:1"},
    {"a recipe that cannot be packed", Packing::bits,
     [](auto& file) { replace_in_metadata(file, "dyadic.recipe", "\"exact\"", "\"q12.8\""); },
     "m.safetensors: layer c1 (network.layers[0], conv2d) cannot be packed: its sums are rounded"},
    {"a recipe of another width", Packing::bits,
     [](auto& file) { replace_in_metadata(file, "dyadic.recipe", "units = 16", "units = 24"); },
     "m.safetensors: tensor h.weight: ternary:sat:rne [16, 72], the recipe needs ternary:sat:rne [24, 72]"},
    {"a newer version", Packing::bits, [](auto& file) { file.metadata.at("dyadic.packed_model") = "2"; },
     "m.safetensors: packed model version 2 is newer than this program's 1; use a newer dyadic"},
    {"a step that is no number", Packing::bits, [](auto& file) { file.metadata.at("dyadic.step") = "8x"; },
     "m.safetensors: metadata 'dyadic.step' is \"8x\", which is no number"},
    {"no checksum of the run", Packing::bits, [](auto& file) { file.metadata.erase("dyadic.state_sha256"); },
     "m.safetensors: metadata has no 'dyadic.state_sha256'"},
};

TEST(PackedFile, ErrorsNameFileTensorAndValue) {
  for (const BadRow& row : kBad) {
    SCOPED_TRACE(row.name);
    SafetensorsFile file = make_packed_file(small_model(), row.packing);
    row.change(file);
    try {
      parse_packed_file(through_bytes(file), "m.safetensors");
      ADD_FAILURE() << "accepted";
    } catch (const FileFormatError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(row.message)) << error.what();
    }
  }
}

// What the fuzz target does, a few times in each test run: one to four changed bytes, half of them in the header.
TEST(PackedFile, ChangedBytesAreAnErrorOrANetwork) {
  const std::vector<std::byte> whole = serialize_safetensors(make_packed_file(small_model(), Packing::bits));
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  std::uint64_t index = 0;
  const auto below = [&](std::uint64_t limit) { return random_bits({.seed = 12}, index++, 32) % limit; };
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<std::byte> bytes = whole;
    for (std::uint64_t changes = 1 + below(4); changes > 0; --changes) {
      const std::uint64_t at = round % 2 == 0 ? below(bytes.size()) : 8 + below(header);
      bytes[at] = static_cast<std::byte>(below(256));
    }
    try {
      parse_packed_file(parse_safetensors(bytes, "m", Checksum::ignored), "m");
    } catch (const FileFormatError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(PackedFile, EveryTruncationIsAnError) {
  const std::vector<std::byte> bytes = serialize_safetensors(make_packed_file(small_model(), Packing::trits));
  for (std::size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 97) {
    EXPECT_THROW(parse_packed_file(parse_safetensors(std::span(bytes).first(size), "m"), "m"), FileFormatError) << size;
  }
}

}  // namespace
}  // namespace dyadic
