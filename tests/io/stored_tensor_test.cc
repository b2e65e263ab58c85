#include "dyadic/io/stored_tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/table.h"
#include "temporary_directory.h"

namespace dyadic {
namespace {

constexpr char kPath[] = "step-00000001.safetensors";

/// Codes over the whole range of the format, both limits included.
Tensor sample_tensor(const Shape& shape, const Format& format) {
  Tensor tensor(shape, format);
  const std::int64_t low = format.is_grid() ? format.min_code : 0;
  const std::int64_t high = format.is_grid() ? format.max_code : (std::int64_t{1} << format.width) - 1;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const auto word = random_bits({.seed = 5}, static_cast<std::uint64_t>(i), 32);
    tensor.set_code(i, i == 0 ? low : i == 1 ? high : low + static_cast<std::int64_t>(word) % (high - low + 1));
  }
  for (std::size_t block = 0; block < tensor.exponents().size(); ++block) {
    tensor.exponents()[block] = static_cast<std::int8_t>(block == 0 ? 127 : -5 - static_cast<int>(block));
  }
  return tensor;
}

void expect_equal(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.format(), b.format());
  for (std::int64_t i = 0; i < a.size(); ++i) ASSERT_EQ(a.code(i), b.code(i)) << i;
  EXPECT_TRUE(std::ranges::equal(a.exponents(), b.exponents()));
}

void expect_round_trip(const Format& format) {
  SCOPED_TRACE(format_name(format));
  SafetensorsFile file;
  const Tensor matrix = sample_tensor({7, 5, 3}, format);
  const Tensor scalar = sample_tensor({}, format);
  const Tensor empty = sample_tensor({4, 0}, format);
  pack_tensor(file, "matrix", matrix);
  pack_tensor(file, "scalar", scalar);
  pack_tensor(file, "empty", empty);
  const SafetensorsFile read = parse_safetensors(serialize_safetensors(file), kPath);
  expect_equal(unpack_tensor(read, "matrix", kPath), matrix);
  expect_equal(unpack_tensor(read, "scalar", kPath), scalar);
  expect_equal(unpack_tensor(read, "empty", kPath), empty);
}

TEST(StoredTensor, EveryFormatOfTheTableRoundTripsThroughAFile) {
  for (const FormatRow& row : format_table()) {
    if (row.format.family != Family::exact) expect_round_trip(row.format);
  }
  for (const FormatPattern& pattern : format_patterns()) {
    for (const std::string_view example : pattern.examples) expect_round_trip(parse_format(example));
  }
}

TEST(StoredTensor, ParametersAndPoliciesOfTheFormatRoundTrip) {
  for (const char* name : {"dfx12@-3:sat:rna", "dfx10@47:sat:sr16", "int8*0.0125", "uint8*0.3+128:sat:rna", "z2*0.75",
                           "int8*0.25-5", "float32@5:sat:rne", "q8.8:wrap:srh", "float16:sat:sr"}) {
    expect_round_trip(parse_format(name));
  }
}

TEST(StoredTensor, KeepsNanPayloadsAndNegativeZeroOfFloats) {
  Tensor tensor({4}, parse_format("float32"));
  const std::int64_t codes[] = {0x80000000, 0x7FC00001, 0xFFFFFFFF, 0x7F800000};
  for (int i = 0; i < 4; ++i) tensor.set_code(i, codes[i]);
  SafetensorsFile file;
  pack_tensor(file, "t", tensor);
  expect_equal(unpack_tensor(file, "t", kPath), tensor);
}

struct DtypeRow {
  const char* format;
  const char* dtype;
  Shape shape;  // of a [2, 3] tensor
};

TEST(StoredTensor, OtherToolsFindTheNearestTypeTheyKnow) {
  for (const DtypeRow& row :
       {DtypeRow{"float32", "F32", {2, 3}}, DtypeRow{"float16", "F16", {2, 3}}, DtypeRow{"bfloat16", "BF16", {2, 3}},
        DtypeRow{"float8_e4m3fn", "F8_E4M3", {2, 3}}, DtypeRow{"float8_e5m2", "F8_E5M2", {2, 3}},
        DtypeRow{"int8", "I8", {2, 3}}, DtypeRow{"uint8", "U8", {2, 3}}, DtypeRow{"int16", "I16", {2, 3}},
        DtypeRow{"q8.8", "I16", {2, 3}}, DtypeRow{"q16.16", "I32", {2, 3}}, DtypeRow{"uq16.16", "U32", {2, 3}},
        DtypeRow{"uq8.8", "U16", {2, 3}},
        // The same eight bits with another meaning have no type elsewhere.
        DtypeRow{"float8_e4m3", "U8", {6}}, DtypeRow{"float8_e4m3fnuz", "U8", {6}}, DtypeRow{"dfx10@0", "U8", {8}},
        DtypeRow{"ternary", "U8", {2}}, DtypeRow{"binary", "U8", {1}}, DtypeRow{"int4", "U8", {3}},
        DtypeRow{"tf32", "U8", {15}}, DtypeRow{"bfp8b32", "I8", {2, 3}}, DtypeRow{"bfp16b8", "I16", {2, 3}},
        DtypeRow{"bfp4b8", "U8", {3}}}) {
    SafetensorsFile file;
    pack_tensor(file, "t", sample_tensor({2, 3}, parse_format(row.format)));
    EXPECT_EQ(file.tensors[0].dtype, row.dtype) << row.format;
    EXPECT_EQ(file.tensors[0].shape, row.shape) << row.format;
  }
}

TEST(StoredTensor, FormatIsStoredByItsFullName) {
  SafetensorsFile file;
  pack_tensor(file, "h1.weight", sample_tensor({4, 2}, parse_format("dfx12@-3:sat:rna")));
  EXPECT_EQ(file.metadata.at("tensor.h1.weight"), R"({"format":"dfx12@-3:sat:rna","shape":[4,2]})");
}

TEST(StoredTensor, MasterAndMomentumOfTenAndTwelveBitsTakeTwentyTwoBitsPerParameter) {
  SafetensorsFile file;
  pack_tensor(file, "master", sample_tensor({1200, 784}, parse_format("dfx12@0")));
  pack_tensor(file, "momentum", sample_tensor({1200, 784}, parse_format("dfx10@0")));
  const std::size_t bytes = serialize_safetensors(file).size();
  EXPECT_EQ(file.tensors[0].bytes.size() + file.tensors[1].bytes.size(), 1200U * 784U * 22U / 8U);
  EXPECT_LT(bytes, 1200U * 784U * 22U / 8U + 1024U) << "and the header";
}

TEST(StoredTensor, TernaryRoundTripsThroughTritsIfAskedFor) {
  const Tensor tensor = sample_tensor({7, 5, 3}, parse_format("ternary*0.5:sat:rna"));
  SafetensorsFile file;
  pack_tensor(file, "t", tensor, Packing::trits);
  EXPECT_EQ(file.metadata.at("tensor.t"), R"({"format":"ternary*0.5:sat:rna","shape":[7,5,3],"packing":"trits"})");
  EXPECT_EQ(file.tensors[0].dtype, "U8");
  EXPECT_EQ(file.tensors[0].shape, (Shape{21}));
  expect_equal(unpack_tensor(file, "t", kPath), tensor);
  EXPECT_THROW(pack_tensor(file, "u", sample_tensor({2}, parse_format("z2")), Packing::trits), UsageError);
  SafetensorsFile other = file;
  other.tensors[0].bytes[4] = std::byte{250};
  EXPECT_NE(message_of<FileFormatError>([&] { unpack_tensor(other, "t", kPath); }).find("byte 4 is 250"),
            std::string::npos);
  for (const char* description :
       {R"({"format":"z2","shape":[7,5,3],"packing":"trits"})",
        R"({"format":"ternary","shape":[7,5,3],"packing":"bits"})",
        R"({"format":"ternary","shape":[7,5,3],"packing":[1]})",
        R"({"format":"ternary","shape":[7,5,3],"packed":"trits"})",
        R"({"format":"ternary","shape":[7,5,4],"packing":"trits"})", R"({"format":"ternary","shape":[7,5,3]})"}) {
    other = file;
    other.metadata.at("tensor.t") = description;
    EXPECT_THROW(unpack_tensor(other, "t", kPath), FileFormatError) << description;
  }
}

TEST(StoredTensor, RefusesToStoreWhatCouldNotBeReadBack) {
  SafetensorsFile file;
  EXPECT_THROW(pack_tensor(file, "t", Tensor({2}, parse_format("exact"))), UsageError);
  Tensor ternary({3}, parse_format("ternary"));
  ternary.set_code(2, 3);
  const std::string text = message_of<UsageError>([&] { pack_tensor(file, "t", ternary); });
  EXPECT_NE(text.find("element 2"), std::string::npos) << text;
  Format nameless = parse_format("q4.4");
  nameless.step_exponent = -5;
  EXPECT_THROW(pack_tensor(file, "t", Tensor({2}, nameless)), UsageError);
  EXPECT_TRUE(file.tensors.empty());
  EXPECT_TRUE(file.metadata.empty());
}

TEST(StoredTensor, RefusesFilesThatContradictThemselves) {
  SafetensorsFile good;
  pack_tensor(good, "t", sample_tensor({5}, parse_format("dfx10@0:sat:rna")));
  EXPECT_NO_THROW(unpack_tensor(good, "t", kPath));
  const auto expect_refused = [&](const char* says, const auto& change) {
    SafetensorsFile file = good;
    change(file);
    const std::string text = message_of<FileFormatError>([&] { unpack_tensor(file, "t", kPath); });
    EXPECT_NE(text.find(says), std::string::npos) << text;
    EXPECT_EQ(text.find(std::string(kPath) + ": tensor \"t\": "), 0U) << text;
  };
  const auto with_metadata = [](std::string text) {
    return [text](SafetensorsFile& file) { file.metadata["tensor.t"] = text; };
  };
  expect_refused("not in the file", [](SafetensorsFile& file) { file.tensors.clear(); });
  expect_refused("no \"tensor.t\"", [](SafetensorsFile& file) { file.metadata.clear(); });
  expect_refused("metadata", with_metadata("dfx10"));
  expect_refused("metadata", with_metadata(R"({"format":"dfx10@0","shape":[5],"more":"x"})"));
  expect_refused("metadata", with_metadata(R"({"format":[1],"shape":[5]})"));
  expect_refused("metadata", with_metadata(R"({"format":"dfx10@0"})"));
  expect_refused("nearest", with_metadata(R"({"format":"dfy10","shape":[5]})"));
  expect_refused("exact", with_metadata(R"({"format":"exact","shape":[5]})"));
  expect_refused("is stored as", with_metadata(R"({"format":"dfx10@0","shape":[7]})"));
  expect_refused("is stored as", with_metadata(R"({"format":"float32","shape":[5]})"));
  expect_refused("does not fit", with_metadata(R"({"format":"dfx10@0","shape":[4611686018427387904,4]})"));
  expect_refused("bytes for 5 codes", [](SafetensorsFile& file) {
    file.tensors[0].bytes.pop_back();
    file.metadata["tensor.t"] = R"({"format":"dfx10@0","shape":[5]})";
  });
  expect_refused("after the last code", [](SafetensorsFile& file) { file.tensors[0].bytes.back() |= std::byte{0x80}; });
  expect_refused("element 0 is -512", [](SafetensorsFile& file) {
    file.tensors[0].bytes[0] = std::byte{0};
    file.tensors[0].bytes[1] = std::byte{2};
  });
}

TEST(StoredTensor, ExponentsOfBlocksLieBesideTheCodes) {
  SafetensorsFile good;
  const Tensor tensor = sample_tensor({3, 7}, parse_format("bfp8b8:sat:sr"));
  pack_tensor(good, "t", tensor);
  ASSERT_EQ(good.tensors.size(), 2U);
  EXPECT_EQ(good.metadata.at("tensor.t"), R"({"format":"bfp8b8:sat:sr","shape":[3,7]})");
  EXPECT_EQ(good.tensors[1].name, "t.exponents");
  EXPECT_EQ(good.tensors[1].dtype, "I8");
  EXPECT_EQ(good.tensors[1].shape, Shape{3});
  expect_equal(unpack_tensor(parse_safetensors(serialize_safetensors(good), kPath), "t", kPath), tensor);
  const auto expect_refused = [&](const char* says, const auto& change) {
    SafetensorsFile file = good;
    change(file);
    const std::string text = message_of<FileFormatError>([&] { unpack_tensor(file, "t", kPath); });
    EXPECT_NE(text.find(says), std::string::npos) << text;
    EXPECT_EQ(text.find(std::string(kPath) + ": tensor \"t\": "), 0U) << text;
  };
  expect_refused("\"t.exponents\" is not in the file", [](SafetensorsFile& file) { file.tensors.pop_back(); });
  expect_refused("stored as I8 of shape [3]", [](SafetensorsFile& file) {
    file.tensors[1].shape = {2};
    file.tensors[1].bytes.pop_back();
  });
  expect_refused("stored as I8 of shape [3]", [](SafetensorsFile& file) { file.tensors[1].bytes.pop_back(); });
  expect_refused("stored as I8 of shape [3]", [](SafetensorsFile& file) { file.tensors[1].dtype = "U8"; });
  expect_refused("stored as I8 of shape [3]", [](SafetensorsFile& file) { file.tensors[1].shape = {1, 3}; });
  expect_refused("stored as I8 of shape [2]",
                 [](SafetensorsFile& file) { file.metadata["tensor.t"] = R"({"format":"bfp8b16","shape":[3,7]})"; });
  expect_refused("element 0 is -128", [](SafetensorsFile& file) { file.tensors[0].bytes[0] = std::byte{0x80}; });
  expect_refused("is stored as",
                 [](SafetensorsFile& file) { file.tensors[0].bytes.pop_back(), file.tensors[0].shape = {20}; });
}

}  // namespace
}  // namespace dyadic
