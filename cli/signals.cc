#include "cli/signals.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

#include "cli/exit_code.h"

namespace dyadic::cli {
namespace {

std::atomic<int> stop_requests{0};
std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may use it");

void handle(int signal) {
  if (signal == SIGINT && interrupts.fetch_add(1) > 0) _exit(static_cast<int>(ExitCode::interrupted));
  stop_requests.fetch_add(1);
}

}  // namespace

const std::atomic<int>& stop_on_signals() {
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2, SIGINT}) sigaction(signal, &action, nullptr);
  return stop_requests;
}

}  // namespace dyadic::cli
