#include "bench/peer_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "dyadic/base/error.h"

PeerProcess::PeerProcess(const std::vector<std::string>& command) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe(in.data()) != 0 || pipe(out.data()) != 0)
    throw dyadic::IoError(dyadic::system_error_text(command[0], "pipe"));
  process_ = fork();
  if (process_ < 0) throw dyadic::IoError(dyadic::system_error_text(command[0], "fork"));
  if (process_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) close(fd);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  to_ = in[1];
  from_ = out[0];
  name_ = read_line();
}

PeerProcess::~PeerProcess() {
  close(to_);  // end of its input: it leaves
  close(from_);
  waitpid(process_, nullptr, 0);
}

std::string PeerProcess::read_line() {
  std::string line;
  char letter = 0;
  while (read(from_, &letter, 1) == 1 && letter != '\n') line += letter;
  if (line.empty()) throw dyadic::Error("the peer process did not answer");
  return line;
}

double PeerProcess::ask(int steps) {
  const std::string question = std::to_string(steps) + "\n";
  if (write(to_, question.data(), question.size()) != static_cast<ssize_t>(question.size()))
    throw dyadic::Error("the peer process is gone");
  return std::strtod(read_line().c_str(), nullptr);
}
