// Makes system calls of this test program fail on purpose. system_call_faults.cc defines open, write, fsync, close,
// rename and ftruncate, which the linker prefers to libc's; without a plan they only pass the call on.
#pragma once

#include <string>

namespace dyadic {

enum class SystemCall { open, write, fsync, close, rename, ftruncate };

/// While it lives, the `nth` call (from 1) of `call` fails with `error`. With `shorten_writes`, every write() in
/// between writes one byte and every other one says EINTR first.
class SystemCallFault {
 public:
  SystemCallFault(SystemCall call, int nth, int error);
  explicit SystemCallFault(bool shorten_writes);
  /// For forked children: SIGKILL at the `nth` of all these calls, a write() being half done by then. Lasts until
  /// death.
  static void die_at(int nth);
  SystemCallFault(const SystemCallFault&) = delete;
  SystemCallFault& operator=(const SystemCallFault&) = delete;
  ~SystemCallFault();

  /// Whether the fault came to pass.
  [[nodiscard]] bool happened() const;
};

}  // namespace dyadic
