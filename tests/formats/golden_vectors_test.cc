// The golden casts: float32 inputs and, per format and rounding, the values they must become, computed elsewhere with
// rational arithmetic. Read from the directory in the environment variable DYADIC_VECTORS, else from ../shared/vectors
// beside the source tree. Values are compared: signed zeros are equal, NaN equals NaN.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "dyadic/formats/codec.h"
#include "dyadic/formats/format.h"
#include "dyadic/kernels/quantize.h"

namespace dyadic {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One-dimensional little-endian float32 .npy of version 1 or 2, all that the vectors need.
std::vector<float> read_npy(const fs::path& path) {
  const std::string bytes = read_file(path);
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0) throw std::runtime_error(path.string() + ": no .npy");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  const bool version1 = bytes[6] == 1;
  const std::size_t length = byte(8) | byte(9) << 8 | (version1 ? 0 : byte(10) << 16 | byte(11) << 24);
  const std::size_t start = (version1 ? 10 : 12) + length;
  if (bytes.substr(0, start).find("'<f4'") == std::string::npos) throw std::runtime_error(path.string() + ": no <f4");
  std::vector<float> values((bytes.size() - start) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + start, values.size() * sizeof(float));
  return values;
}

fs::path vectors_directory() {
  if (const char* directory = std::getenv("DYADIC_VECTORS")) return directory;
  return fs::path(DYADIC_SOURCE_DIR) / ".." / "shared" / "vectors";
}

bool same_value(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

class GoldenVectors : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(vectors_directory() / "manifest.json")) {
      GTEST_SKIP() << "NO GOLDEN VECTORS at " << vectors_directory() << ": set DYADIC_VECTORS to their directory";
    }
    manifest_ = nlohmann::json::parse(read_file(vectors_directory() / "manifest.json"));
    inputs_ = read_npy(vectors_directory() / manifest_["in"].get<std::string>());
    ASSERT_EQ(inputs_.size(), manifest_["count"].get<std::size_t>());
    ASSERT_FALSE(manifest_["casts"].empty());
  }

  /// Calls cast(format, inputs) for every cast of the manifest and compares what it returns. NaN inputs are left out
  /// where the format has no NaN: there a cast is an error, not a value.
  template <typename Cast>
  void compare(const Cast& cast) {
    for (const auto& entry : manifest_["casts"]) {
      const std::string name = entry["format"].get<std::string>() + ":" + entry["rounding"].get<std::string>();
      const Format format = parse_format(name);
      const std::vector<float> expected = read_npy(vectors_directory() / entry["file"].get<std::string>());
      ASSERT_EQ(expected.size(), inputs_.size()) << name;
      const std::vector<float> got = cast(format, inputs_);
      int differing = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (std::isnan(inputs_[i]) && !format.has_nan()) continue;
        if (same_value(got[i], expected[i])) continue;
        if (++differing <= 3) {
          ADD_FAILURE() << name << " of " << inputs_[i] << " gives " << got[i] << ", expected " << expected[i];
        }
      }
      EXPECT_EQ(differing, 0) << name;
    }
  }

  nlohmann::json manifest_;
  std::vector<float> inputs_;
};

TEST_F(GoldenVectors, ReferenceCodecAgrees) {
  compare([](const Format& format, const std::vector<float>& inputs) {
    std::vector<float> outputs;
    for (const float x : inputs) outputs.push_back(static_cast<float>(decode(format, encode(format, double{x}).code)));
    return outputs;
  });
}

TEST_F(GoldenVectors, FastKernelAgrees) {
  compare([](const Format& format, const std::vector<float>& inputs) {
    const auto n = static_cast<std::int64_t>(inputs.size());
    std::vector<std::byte> codes(inputs.size() * static_cast<std::size_t>(code_bytes(code_type(format))));
    quantize(inputs.data(), n, format, codes.data(), RoundingRandom{});
    std::vector<float> outputs(inputs.size());
    dequantize(codes.data(), n, format, outputs.data());
    return outputs;
  });
}

TEST_F(GoldenVectors, RoundingInOnePassAgrees) {
  compare([](const Format& format, const std::vector<float>& inputs) {
    std::vector<float> outputs(inputs.size());
    round_values(inputs.data(), static_cast<std::int64_t>(inputs.size()), format, outputs.data(), RoundingRandom{});
    return outputs;
  });
}

}  // namespace
}  // namespace dyadic
