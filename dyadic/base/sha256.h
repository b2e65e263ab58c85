// SHA-256 (FIPS 180-4) over OpenSSL's EVP: checksums of downloads, data sets and checkpoints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace dyadic {

/// A running hash. Bytes may arrive in pieces of any size; the pieces do not matter, only their concatenation.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* bytes, std::size_t size);
  void update(std::span<const std::uint8_t> bytes) { update(bytes.data(), bytes.size()); }

  /// 64 lower-case hexadecimal digits of everything so far; more may be added afterwards.
  [[nodiscard]] std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::uint8_t> bytes);

/// Hash of a whole file, read in pieces. Throws MissingInputError, IoError.
std::string sha256_file_hex(const std::string& path);

}  // namespace dyadic
