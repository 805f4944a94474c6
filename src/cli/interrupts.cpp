#include "cli/interrupts.hpp"

#include <csignal>

namespace celere::cli {
namespace {

std::atomic<int> interrupts = 0;  // signal handlers reach nothing else

extern "C" void count_interrupt(int /*signal*/) { ++interrupts; }

}  // namespace

const std::atomic<int>& counted_interrupts() {
  std::signal(SIGINT, count_interrupt);
  std::signal(SIGTERM, count_interrupt);
  return interrupts;
}

}  // namespace celere::cli
