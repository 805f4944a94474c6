#include "launch/run_presence.hpp"

namespace celere::launch {
namespace {

const Seconds look_every = Seconds::of(1);
constexpr int looks = 3;

}  // namespace

RunPresence::RunPresence(const Files& files, Clock& clock, wire::RunDirectory directory)
    : files_(&files), clock_(&clock), path_(directory.secret()), looked_(clock.now()) {
  if (const Result<std::string> secret = files.read(path_); secret.ok()) first_ = *secret;
}

void RunPresence::look() {
  const Result<std::string> secret = files_->read(path_);
  if (secret.ok() && first_.empty()) first_ = *secret;
  const bool other = secret.ok() ? *secret != first_ : secret.error().code == ErrorCode::not_found;
  const bool missing = other && !first_.empty();
  missing_ = missing ? missing_ + 1 : 0;
  looked_ = clock_->now();
}

bool RunPresence::gone() {
  if (clock_->now() - looked_ >= look_every) look();
  return missing_ >= looks;
}

bool RunPresence::gone_at_last() {
  look();
  while (missing_ > 0 && missing_ < looks) {
    clock_->sleep(look_every);
    look();
  }
  return missing_ >= looks;
}

}  // namespace celere::launch
