#include "system_call_faults.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>

namespace dyadic {
namespace {

struct Plan {
  bool active = false;
  SystemCall call = SystemCall::open;
  int remaining = 0;
  int error = 0;
  bool happened = false;
  bool shorten_writes = false;
  bool interrupt_next = false;
  int calls_to_live = 0;
};
Plan plan;

bool is_last_call() { return plan.calls_to_live > 0 && --plan.calls_to_live == 0; }

bool fails(SystemCall call) {
  if (call != SystemCall::write && is_last_call()) ::raise(SIGKILL);
  if (!plan.active || call != plan.call || plan.remaining == 0 || --plan.remaining > 0) return false;
  plan.happened = true;
  errno = plan.error;
  return true;
}

}  // namespace

SystemCallFault::SystemCallFault(SystemCall call, int nth, int error) {
  plan = Plan{};
  plan.call = call;
  plan.remaining = nth;
  plan.error = error;
  plan.active = true;
}

SystemCallFault::SystemCallFault(bool shorten_writes) {
  plan = Plan{};
  plan.shorten_writes = shorten_writes;
}

void SystemCallFault::die_at(int nth) {
  plan = Plan{};
  plan.calls_to_live = nth;
}

SystemCallFault::~SystemCallFault() { plan = Plan{}; }

bool SystemCallFault::happened() const { return plan.happened; }

}  // namespace dyadic

using dyadic::SystemCall;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if (dyadic::fails(SystemCall::open)) return -1;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

ssize_t write(int file, const void* bytes, size_t size) {
  if (dyadic::fails(SystemCall::write)) return -1;
  if (dyadic::is_last_call()) {
    syscall(SYS_write, file, bytes, size / 2);
    ::raise(SIGKILL);
  }
  if (dyadic::plan.shorten_writes && size > 0) {
    dyadic::plan.interrupt_next = !dyadic::plan.interrupt_next;
    if (dyadic::plan.interrupt_next) {
      errno = EINTR;
      return -1;
    }
    size = 1;
  }
  return syscall(SYS_write, file, bytes, size);
}

int fsync(int file) {
  if (dyadic::fails(SystemCall::fsync)) return -1;
  return static_cast<int>(syscall(SYS_fsync, file));
}

int close(int file) {
  const int result = static_cast<int>(syscall(SYS_close, file));
  return dyadic::fails(SystemCall::close) ? -1 : result;
}

int rename(const char* from, const char* to) noexcept {
  if (dyadic::fails(SystemCall::rename)) return -1;
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int ftruncate(int file, off_t size) noexcept {
  if (dyadic::fails(SystemCall::ftruncate)) return -1;
  return static_cast<int>(syscall(SYS_ftruncate, file, size));
}

}  // extern "C"
