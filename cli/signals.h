// TERM, HUP (unless ignored), USR1, USR2 and the first INT ask a run to stop at the end of its step; a second INT ends
// the process at once.
#pragma once

#include <atomic>

namespace dyadic::cli {

/// Installs the handlers; the counter is not zero once a stop has been asked for.
const std::atomic<int>& stop_on_signals();

}  // namespace dyadic::cli
