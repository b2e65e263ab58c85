// A peer that is timed in turn with our own code: a child process that writes its name as its first line and then
// answers each number N on its standard input with the milliseconds per step of N steps.
#pragma once

#include <string>
#include <vector>

class PeerProcess {
 public:
  /// Starts it and waits for its name. Throws dyadic::Error if it does not come.
  explicit PeerProcess(const std::vector<std::string>& command);
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;
  ~PeerProcess();

  [[nodiscard]] const std::string& name() const { return name_; }
  double ask(int steps);

 private:
  std::string read_line();

  int process_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string name_;
};
