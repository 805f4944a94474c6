#include "launch/run_presence.hpp"

namespace celere::launch {
namespace {

const Seconds look_every = Seconds::of(1);
constexpr int looks = 3;

}  // namespace

RunPresence::RunPresence(const Files& files, const Clock& clock, wire::RunDirectory directory)
    : files_(&files), clock_(&clock), path_(directory.secret()), looked_(clock.now()) {
  if (const Result<std::string> secret = files.read(path_); secret.ok()) first_ = *secret;
}

bool RunPresence::gone() {
  const Instant now = clock_->now();
  if (now - looked_ < look_every) return missing_ >= looks;
  looked_ = now;
  const Result<std::string> secret = files_->read(path_);
  if (secret.ok() && first_.empty()) first_ = *secret;
  const bool other = secret.ok() ? *secret != first_ : secret.error().code == ErrorCode::not_found;
  const bool missing = other && !first_.empty();
  missing_ = missing ? missing_ + 1 : 0;
  return missing_ >= looks;
}

}  // namespace celere::launch
