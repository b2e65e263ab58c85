#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "cli/json_line.h"
#include "dyadic/train/metrics.h"

namespace dyadic::cli {
namespace {

constexpr std::chrono::seconds kBetweenLines{10};

std::string epoch_name(const std::string& kind, std::int64_t epoch, std::int64_t epochs) {
  return fmt::format("{} {}/{}", kind, epoch, epochs);
}

}  // namespace

ProgressStyle progress_style(bool json, bool quiet) {
  if (json) return ProgressStyle::json;
  if (quiet) return ProgressStyle::quiet;
  return isatty(STDOUT_FILENO) != 0 ? ProgressStyle::terminal : ProgressStyle::lines;
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "?";
  const auto total = static_cast<std::int64_t>(std::llround(seconds));
  if (total >= 3600) return fmt::format("{}h{:02}m", total / 3600, total / 60 % 60);
  if (total >= 60) return fmt::format("{}m{:02}s", total / 60, total % 60);
  return fmt::format("{}s", total);
}

RunObserver Progress::observer() {
  return {.step = [this](const StepReport& report) { step(report); },
          .epoch = [this](const EpochReport& report) { epoch(report); },
          .warning = [this](const std::string& text) { warning(text); },
          .note = [this](const std::string& text) { note(text); }};
}

void Progress::clear_line() {
  if (line_is_open_) fmt::print("\r\x1b[K");
  line_is_open_ = false;
}

void Progress::step(const StepReport& report) {
  eta_seconds_ = report.eta_seconds;
  const bool is_terminal = style_ == ProgressStyle::terminal;
  if (!is_terminal && style_ != ProgressStyle::lines) return;
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal && now - last_line_ < kBetweenLines) return;
  last_line_ = now;
  clear_line();
  fmt::print("{}  batch {}/{}  loss {:.4f}  error {:.2f} %  {:.0f} samples/s  ETA {}{}",
             epoch_name(report.initialising ? "init" : "epoch", report.epoch, report.epochs), report.batch,
             report.batches, report.loss, report.error, report.samples_per_second, duration_text(report.eta_seconds),
             is_terminal ? "" : "\n");
  line_is_open_ = is_terminal;
  std::fflush(stdout);
}

void Progress::epoch(const EpochReport& report) {
  if (style_ == ProgressStyle::quiet) return;
  if (style_ == ProgressStyle::json) {
    fmt::print("{}\n", JsonLine().text("event", "epoch").members(epoch_json(report)).str());
  } else {
    clear_line();
    fmt::print("{}  loss {:.4f}  error {:.2f} %",
               epoch_name(report.initialising ? "init" : "epoch", report.epoch, report.epochs), report.loss,
               report.train_error);
    if (!report.initialising) {
      fmt::print("  validation {:.2f} %  test {:.2f} %", report.validation_error, report.test_error);
    }
    fmt::print("  {:.0f} samples/s", report.samples_per_second);
    if (eta_seconds_ > 0 && report.epoch < report.epochs) fmt::print("  ETA {}", duration_text(eta_seconds_));
    fmt::print("\n");
  }
  last_line_ = std::chrono::steady_clock::now();
  std::fflush(stdout);
}

void Progress::note(const std::string& text) {
  if (style_ == ProgressStyle::quiet) return;
  clear_line();
  if (style_ == ProgressStyle::json) fmt::print("{}\n", JsonLine().text("event", "note").text("text", text).str());
  else fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Progress::warning(const std::string& text) {
  clear_line();
  std::fflush(stdout);
  fmt::print(stderr, "dyadic: warning: {}\n", text);
}

}  // namespace dyadic::cli
