#include "launch/watch.hpp"

#include <algorithm>
#include <cmath>

#include "layout/place.hpp"

namespace celere::launch {
namespace {

const Seconds first_step = Seconds::of(600);  // loading, and what the first steps alone do
const Seconds judged_least = Seconds::of(0.02);
constexpr std::size_t told_max = 256;  // steps of which somebody's time is missing

// Ranks of one stage do equal work.
std::vector<int> stages_of(const layout::Layout& layout) {
  std::vector<int> out;
  for (std::int64_t rank = 0; rank < layout.ranks(); ++rank) {
    out.push_back(layout::place_of(layout, rank).pp);
  }
  return out;
}

}  // namespace

void Watch::begin(const layout::Layout& layout, Instant now) {
  moved_ = now;
  stepped_ = false;
  deadline_ = policy::Deadline({.first = first_step});
  spikes_ = policy::SpikeDetector();
  detector_.emplace(stages_of(layout),
                    policy::StragglerSettings{.factor = options_.straggler_factor});
  phases_.assign(static_cast<std::size_t>(layout.ranks()), "");
  told_.clear();
  named_.clear();
  stragglers_.clear();
}

void Watch::stepped(const wire::StepMetrics& step, Instant now) {
  if (stepped_) deadline_.done(now - stepped_at_);
  stepped_ = true;
  moved_ = stepped_at_ = now;
  if (step.loss && std::isfinite(*step.loss) && spikes_.is_spike(step.step, *step.loss)) {
    spike_ = step.step;
  }
}

void Watch::beat(const wire::AgentBeat& beat, Instant now) {
  for (const wire::RankBeat& rank : beat.ranks) {
    if (rank.rank < 0 || rank.rank >= std::ssize(phases_)) continue;
    const auto index = static_cast<std::size_t>(rank.rank);
    if (phases_[index] != rank.phase) {
      phases_[index] = rank.phase;
      // Computing is what is watched; whatever else begins or ends shows that the rank moves.
      if (!stepped_ || rank.phase != "computing") moved_ = std::max(moved_, now);
    }
    for (const wire::StepTime& step : rank.steps) {
      Told& told = told_[step.step];
      told.times.resize(phases_.size());
      if (told.times[index].in_base() == 0) ++told.count;
      told.times[index] = Seconds::of(step.compute_time_s);
      if (told.count < phases_.size()) continue;
      judge(step.step, told.times);
      told_.erase(told_.begin(), told_.upper_bound(step.step));
    }
  }
  while (told_.size() > told_max) told_.erase(told_.begin());
}

// Of the shortest steps what one rank does beside its work (the logs of rank 0) is a tenth.
void Watch::judge(std::int64_t step, const std::vector<Seconds>& times) {
  if (*std::max_element(times.begin(), times.end()) < judged_least) return;
  for (const auto& slow : detector_->step(times)) {
    if (named_.insert(slow.rank).second) stragglers_.push_back({slow.rank, step, slow.factor});
  }
}

bool Watch::overdue(Instant now) const {
  const Seconds allowed =
      !stepped_ ? first_step : options_.step_deadline.value_or(deadline_.allowed());
  return waited(now) > allowed;
}

std::vector<Watch::Straggler> Watch::take_stragglers() { return std::exchange(stragglers_, {}); }

std::optional<std::int64_t> Watch::take_spike() { return std::exchange(spike_, std::nullopt); }

}  // namespace celere::launch
