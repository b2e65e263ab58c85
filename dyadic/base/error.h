// Typed errors. The library throws them at its border, never prints and never aborts; the program maps the type to an
// exit code (cli/exit_code.h). A message is one line that names the thing, the value and the way out.
#pragma once

#include <stdexcept>
#include <string>

namespace dyadic {

/// Base of everything the library throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller asked for something that cannot be: unknown name, bad option, recipe error. Exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Shapes that do not meet. Exit code 2: shapes come from the recipe.
class ShapeError : public UsageError {
 public:
  using UsageError::UsageError;
};

/// NaN or infinity where a number is needed, or a run that diverged. Exit code 3.
class NonFiniteError : public Error {
 public:
  using Error::Error;
};

/// A file is there but its bytes are not what they should be. Exit code 65.
class FileFormatError : public Error {
 public:
  using Error::Error;
};

/// A file, directory or data set that should be there is not. Exit code 66.
class MissingInputError : public Error {
 public:
  using Error::Error;
};

/// The operating system refused to read, write, lock or sync. Exit code 74.
class IoError : public Error {
 public:
  using Error::Error;
};

/// "PATH: ACTION failed: strerror" for the current errno.
std::string system_error_text(const std::string& path, const std::string& action);

}  // namespace dyadic
