#include "policy/deadline.hpp"

#include <algorithm>

namespace celere::policy {
namespace {

inline constexpr std::size_t steps_remembered = 256, steps_first = 3;

}  // namespace

void Deadline::done(Seconds took) {
  if (took_.size() < steps_remembered) {
    took_.push_back(took.in_base());
  } else {
    took_[count_ % steps_remembered] = took.in_base();
  }
  if (++count_ < steps_first) return;
  std::vector<double> sorted = took_;
  const auto middle = sorted.begin() + std::ssize(sorted) / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double longest = *std::max_element(middle, sorted.end());
  allowed_ = max(settings_.floor, Seconds::of(std::max(4 * *middle, 2 * longest)));
}

}  // namespace celere::policy
