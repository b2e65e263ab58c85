// Runs the built program (environment variable DYADIC_PROGRAM, set by ctest) as a user would.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dyadic {

struct Result {
  int code = -1;  // exit code; 128 + the signal if one ended it
  std::string out;
  std::string err;
};

/// A directory of its own, removed with everything in it at the end of the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// The program's arguments, the directory it runs in, and variables of its environment; an empty value removes one.
Result run(const std::vector<std::string>& arguments, const std::string& directory,
           const std::map<std::string, std::string>& environment = {});

/// The same with stdout going to `path`.
Result run_into(const std::string& path, const std::vector<std::string>& arguments, const std::string& directory);

/// A program that is still running. `err` and `out` of its result are not collected.
class Running {
 public:
  Running(const std::vector<std::string>& arguments, const std::string& directory);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();
  void send(int signal) const;
  /// Sends it again and again; the exit code.
  int send_until_end(int signal);
  /// Waits for a byte of output: the program is past its start.
  void wait_for_output() const;
  /// The exit code, 128 + the signal if one ended it.
  int wait();

 private:
  int process_ = -1;
  int output_ = -1;
};

/// The value of `"key": value` or `"key":value` in JSON text, quotes kept; empty if it is not there.
std::string json_value(const std::string& json, const std::string& key);

/// The last line that is not empty.
std::string last_line(const std::string& text);

}  // namespace dyadic
