// libFuzzer target: any bytes, plain, gzip or xz, through the tar reader. Allowed are FileFormatError and regular files
// with names that stay inside.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dyadic/base/error.h"
#include "dyadic/data/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    dyadic::TarReader reader{dyadic::FileStream("fuzz", {data, size})};
    bool reads = true;  // every other entry is skipped
    while (const auto entry = reader.next()) {
      if (entry->name.empty() || entry->name.front() == '/' || entry->size < 0) std::abort();
      std::array<std::uint8_t, 300> piece;
      std::int64_t got = 0;
      while (reads) {
        const std::size_t now = reader.read_some(piece);
        got += static_cast<std::int64_t>(now);
        if (now < piece.size()) break;
      }
      if (reads && got != entry->size) std::abort();
      reads = !reads;
    }
  } catch (const dyadic::FileFormatError&) {
  }
  return 0;
}
