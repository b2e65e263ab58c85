#include "dyadic/base/error.h"

#include <cerrno>
#include <system_error>

namespace dyadic {

std::string system_error_text(const std::string& path, const std::string& action) {
  const int code = errno;
  return path + ": " + action + " failed: " + std::generic_category().message(code);
}

}  // namespace dyadic
