#include "launch/told_lines.hpp"

#include <csignal>
#include <utility>

namespace celere::launch {

void ToldLines::began(Instant now) {
  waiting_.push_back({now, {}});
  merges_ = false;
}

void ToldLines::add(const policy::Event& event, Instant now, policy::Phase phase) {
  if (const auto* exited = std::get_if<policy::WorkerExited>(&event)) {
    if (is_echo(*exited, phase)) return;
  }
  const auto* trained = std::get_if<policy::Trained>(&event);
  const bool further = trained != nullptr && trained->generation == stepped_;
  if (trained != nullptr) stepped_ = trained->generation;
  if (further && merges_) {
    waiting_.back() = {now, event};
  } else {
    waiting_.push_back({now, event});
  }
  merges_ = further;
}

// The first that ends in a way tells recovery all that others do (policy/failures.cpp): that it is
// done; and while all are stopping that they do, but for one that crashes by itself.
bool ToldLines::is_echo(const policy::WorkerExited& exited, policy::Phase phase) {
  if (exited.generation != std::exchange(ending_, exited.generation)) ends_.clear();
  const bool fine = exited.done || exited.stopped;
  const bool crashed = exited.signal && exited.signal != SIGKILL && exited.signal != SIGTERM;
  const bool again = !ends_.insert({phase, exited.code, exited.signal}).second;
  return again && !crashed && (fine || phase == policy::Phase::stopping);
}

void ToldLines::write(Journal& journal) {
  for (const policy::Told& told : waiting_) journal.record("told", policy::told_fields(told));
  waiting_.clear();
  merges_ = false;
}

}  // namespace celere::launch
