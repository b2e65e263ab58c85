#include "cli/signals.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <initializer_list>

#include "cli/exit_code.h"

namespace dyadic::cli {
namespace {

std::atomic<int> stop_requests{0};
std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may use it");

/// Only what a signal handler may do.
void say(const char* text) {
  if (isatty(STDERR_FILENO) != 0) static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text)));
}

void handle(int signal) {
  const bool again = signal == SIGINT && interrupts.fetch_add(1) > 0;
  if (again) {
    say("\ninterrupted; what was done since the last checkpoint is lost\n");
    _exit(static_cast<int>(ExitCode::interrupted));
  }
  const bool first = stop_requests.fetch_add(1) == 0;
  if (signal == SIGINT) say("\nstopping with a checkpoint after this step; interrupt again to stop at once\n");
  else if (first) say("\nstopping with a checkpoint after this step\n");
}

bool is_ignored(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

const std::atomic<int>& stop_on_signals() {
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2, SIGINT, SIGHUP}) {
    if (signal == SIGHUP && is_ignored(signal)) continue;  // nohup
    sigaction(signal, &action, nullptr);
  }
  return stop_requests;
}

}  // namespace dyadic::cli
