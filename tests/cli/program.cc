#include "tests/cli/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace dyadic {
namespace {

std::string program() {
  const char* path = std::getenv("DYADIC_PROGRAM");
  if (path == nullptr) throw std::runtime_error("DYADIC_PROGRAM is not set; run these tests through ctest");
  return path;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// Starts the program with its standard output and error open on the given descriptors.
int start(const std::vector<std::string>& arguments, const std::string& directory,
          const std::map<std::string, std::string>& environment, int out, int err) {
  const std::string path = program();
  std::vector<std::string> words = {"dyadic"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int process = fork();
  if (process < 0) throw std::runtime_error("fork failed");
  if (process > 0) return process;
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  unsetenv("DYADIC_DATA");  // a user's own must not change what is tested
  for (const auto& [name, value] : environment) {
    if (value.empty()) unsetenv(name.c_str());
    else setenv(name.c_str(), value.c_str(), 1);
  }
  if (chdir(directory.c_str()) == 0) execv(path.c_str(), pointers.data());
  _exit(127);
}

int open_for_writing(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) throw std::runtime_error("cannot write " + path);
  return file;
}

Result run_to(const std::string& out_path, const std::vector<std::string>& arguments, const std::string& directory,
              const std::map<std::string, std::string>& environment) {
  const TemporaryDirectory outputs;
  const bool keeps = out_path.empty();
  const int out = open_for_writing(keeps ? outputs / "out" : out_path);
  const int err = open_for_writing(outputs / "err");
  const int process = start(arguments, directory, environment, out, err);
  close(out);
  close(err);
  int status = 0;
  waitpid(process, &status, 0);
  return {exit_code(status), keeps ? text_of(outputs / "out") : "", text_of(outputs / "err")};
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "dyadic-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result run(const std::vector<std::string>& arguments, const std::string& directory,
           const std::map<std::string, std::string>& environment) {
  return run_to("", arguments, directory, environment);
}

Result run_into(const std::string& path, const std::vector<std::string>& arguments, const std::string& directory) {
  return run_to(path, arguments, directory, {});
}

Running::Running(const std::vector<std::string>& arguments, const std::string& directory) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const int err = open_for_writing("/dev/null");
  process_ = start(arguments, directory, {}, ends[1], err);
  close(ends[1]);
  close(err);
  output_ = ends[0];
}

Running::~Running() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
}

void Running::send(int signal) const { kill(process_, signal); }

void Running::wait_for_output() const {
  std::array<char, 1> byte{};
  if (read(output_, byte.data(), byte.size()) != 1) throw std::runtime_error("the program ended without output");
}

int Running::send_until_end(int signal) {
  int status = 0;
  while (waitpid(process_, &status, WNOHANG) == 0) kill(process_, signal);
  process_ = -1;
  return exit_code(status);
}

int Running::wait() {
  std::array<char, 4096> bytes{};
  while (read(output_, bytes.data(), bytes.size()) > 0) {
  }
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  return exit_code(status);
}

std::string json_value(const std::string& json, const std::string& key) {
  const std::size_t at = json.find("\"" + key + "\":");
  if (at == std::string::npos) return "";
  const std::size_t begin = json.find_first_not_of(" \n", at + key.size() + 3);
  std::size_t end = json.find_first_of(",}\n", begin);
  if (json[begin] == '"') end = json.find('"', begin + 1) + 1;
  if (json[begin] == '[') end = json.find(']', begin) + 1;
  return json.substr(begin, end - begin);
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t before = text.rfind('\n', end);
  return text.substr(before == std::string::npos ? 0 : before + 1,
                     end - (before == std::string::npos ? 0 : before + 1) + 1);
}

}  // namespace dyadic
