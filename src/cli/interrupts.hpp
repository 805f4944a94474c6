// How often this process was asked to end: Ctrl-C, SIGTERM.
#pragma once

#include <atomic>

namespace celere::cli {

// Counted from the first call on, instead of ending the process. SIGTERM counts once, however often
// it comes.
const std::atomic<int>& counted_interrupts();

}  // namespace celere::cli
