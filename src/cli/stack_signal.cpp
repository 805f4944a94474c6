#include "cli/stack_signal.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/check.hpp"

namespace celere::cli {
namespace {

constexpr std::size_t path_max = 4096;
constexpr int frames_max = 96;
// A handler reaches nothing else.
char draft[path_max], name[path_max];

// Calls nothing that a signal may not interrupt: a stuck rank may hold any lock.
extern "C" void write_stack(int /*signal*/) {
  const int before = errno;
  const int file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file >= 0) {
    void* frames[frames_max];
    backtrace_symbols_fd(frames, backtrace(frames, frames_max), file);
    close(file);
    (void)rename(draft, name);
  }
  errno = before;
}

}  // namespace

void write_stack_on_signal(const std::string& path) {
  CHECK(path.size() + 5 < path_max);
  std::strcpy(name, path.c_str());
  std::strcpy(draft, (path + ".new").c_str());
  void* frames[1];
  (void)backtrace(frames, 1);  // loads what it needs, which a handler must not
  struct sigaction action{};
  action.sa_handler = write_stack;
  action.sa_flags = SA_RESTART;
  (void)sigaction(SIGUSR1, &action, nullptr);
}

}  // namespace celere::cli
