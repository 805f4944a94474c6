#include "nn/watch.hpp"

#include <fmt/format.h>

namespace celere::nn {
namespace {

constexpr std::string_view broken = "a collective: ";

}  // namespace

Error broken_collective(std::string_view why) {
  return {ErrorCode::io, fmt::format("{}{}", broken, why), {}};
}

bool is_broken_collective(const Error& error) { return error.message.starts_with(broken); }

void Watch::abandon() {
  abandoned_.store(true, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  if (abort_ != nullptr && !held_) (*abort_)();
}

bool Watch::wait_abortably(const std::function<void()>& abort, const std::function<void()>& wait) {
  {
    const std::lock_guard lock(mutex_);
    if (abandoned()) return false;
    abort_ = &abort;
  }
  // It may leave by an exception.
  struct Over {
    Watch& watch;
    ~Over() {
      const std::lock_guard lock(watch.mutex_);
      watch.abort_ = nullptr;
    }
  } const over{*this};
  wait();
  return true;
}

}  // namespace celere::nn
