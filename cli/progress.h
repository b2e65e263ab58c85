// What a person or a program sees of a run while it goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "dyadic/train/run.h"

namespace dyadic::cli {

enum class ProgressStyle : std::uint8_t {
  terminal,  // one line, rewritten, and one line per epoch
  lines,     // a line at most every ten seconds, and one per epoch
  json,      // one JSON object per epoch
  quiet,     // nothing
};

/// --json, --quiet, else by whether stdout is a terminal.
ProgressStyle progress_style(bool json, bool quiet);

/// Prints to stdout, warnings to stderr. Must outlive the observer that it gives.
class Progress {
 public:
  explicit Progress(ProgressStyle style) : style_(style) {}
  RunObserver observer();

 private:
  void step(const StepReport& report);
  void epoch(const EpochReport& report);
  void note(const std::string& text);
  void warning(const std::string& text);
  void clear_line();

  ProgressStyle style_;
  bool line_is_open_ = false;
  double eta_seconds_ = 0;
  std::chrono::steady_clock::time_point last_line_ = std::chrono::steady_clock::now();
};

/// "3h05m", "4m10s", "12s"
std::string duration_text(double seconds);

}  // namespace dyadic::cli
