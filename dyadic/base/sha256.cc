#include "dyadic/base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "dyadic/base/error.h"

namespace dyadic {

namespace {

void require(int ok) {
  if (ok != 1) throw Error("SHA-256: the cryptographic library refused");
}

}  // namespace

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) { require(context != nullptr ? 1 : 0); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  require(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(const void* bytes, std::size_t size) {
  if (size > 0) require(EVP_DigestUpdate(state_->context, bytes, size));
}

std::string Sha256::hex() const {
  const State copy;
  require(EVP_MD_CTX_copy_ex(copy.context, state_->context));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(copy.context, digest.data(), &size));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_file_hex(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) {
    if (errno == ENOENT) throw MissingInputError(path + ": no such file");
    throw IoError(system_error_text(path, "open"));
  }
  Sha256 hash;
  std::vector<std::uint8_t> piece(std::size_t{1} << 16);
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get())) hash.update(piece.data(), got);
  if (std::ferror(file.get()) != 0) throw IoError(system_error_text(path, "read"));
  return hash.hex();
}

}  // namespace dyadic
