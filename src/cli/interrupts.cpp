#include "cli/interrupts.hpp"

#include <csignal>

namespace celere::cli {
namespace {

std::atomic<int> interrupts = 0;  // signal handlers reach nothing else

// Slurm says SIGTERM to each process of a job, and once more to all: that is one wish. A person
// who presses Ctrl-C again has another.
extern "C" void count_interrupt(int signal) {
  if (signal == SIGINT) {
    ++interrupts;
  } else if (interrupts == 0) {
    interrupts = 1;
  }
}

}  // namespace

const std::atomic<int>& counted_interrupts() {
  std::signal(SIGINT, count_interrupt);
  std::signal(SIGTERM, count_interrupt);
  return interrupts;
}

}  // namespace celere::cli
