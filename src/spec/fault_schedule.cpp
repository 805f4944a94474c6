#include "spec/fault_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/written_units.hpp"

namespace celere::spec {
namespace {

constexpr std::uint64_t target_streams = std::uint64_t{1} << 32;
constexpr std::uint64_t switch_off_stream = std::uint64_t{1} << 33;
// Steps beyond this are never reached, and do not fit a count.
constexpr double step_last = 0x1p60;

// How many ranks, or first nodes of a group of neighbours, can be hit.
std::int64_t targets_of(const Fault& fault, FaultGround ground) {
  switch (target_of(fault.kind)) {
    case FaultTarget::none:
      return 1;
    case FaultTarget::rank:
      return ground.ranks;
    case FaultTarget::node:
      return std::int64_t{ground.nodes} - fault.nodes + 1;
  }
  CHECK(false);
}

// Between two of a fault that comes again: seconds, or steps.
double mean_interval(const Fault& fault, FaultGround ground) {
  if (fault.every) return fault.every->in_base();
  if (fault.every_steps) return static_cast<double>(*fault.every_steps);
  const PerSecond rate = fault.rate_per_node
                             ? *fault.rate_per_node * ground.nodes
                             : fault.rate_per_rank.value_or(PerSecond{}) * ground.ranks;
  return (1.0 / rate).in_base();
}

bool at_once(const Fault& fault) { return fault.at || fault.at_step; }

// Empty where all is there.
std::string what_is_not_there(const Fault& fault, FaultGround ground) {
  const char* name = name_of(fault.kind);
  if (fault.rank && *fault.rank >= ground.ranks) {
    return fmt::format("rank {} of {}: the training has {}, counted from 0", *fault.rank, name,
                       ground.ranks);
  }
  const std::int64_t behind = std::int64_t{fault.node.value_or(0)} + fault.nodes;
  if (target_of(fault.kind) == FaultTarget::node && behind > ground.nodes) {
    return fmt::format("node {} of {}: the training has {}, counted from 0", behind - 1, name,
                       ground.nodes);
  }
  const std::int64_t targets = targets_of(fault, ground);
  if (at_once(fault) && fault.count.value_or(1) > targets) {
    return fmt::format("{} at once of {}: there are {} to hit", *fault.count, name, targets);
  }
  return "";
}

}  // namespace

Status fits(const Scenario& scenario, FaultGround ground) {
  std::string message;
  for (const Fault& fault : scenario.faults) {
    const std::string problem = what_is_not_there(fault, ground);
    if (problem.empty()) continue;
    message += fmt::format("{}{}: {}", message.empty() ? "" : "\n", fault.place, problem);
  }
  if (message.empty()) return Done{};
  return bad_input(std::move(message));
}

FaultSchedule::FaultSchedule(Scenario scenario, std::uint64_t seed, FaultGround ground)
    : scenario_(std::move(scenario)), ground_(ground) {
  CHECK(fits(scenario_, ground_).ok());
  switch_off(seed);
  for (std::size_t i = 0; i < scenario_.faults.size(); ++i) {
    const Fault& fault = scenario_.faults[i];
    streams_.push_back({.times = Prng(seed, i), .targets = Prng(seed, target_streams + i)});
    streams_[i].at =
        fault.every_steps ? static_cast<double>(fault.from_step) : fault.from.in_base();
    streams_[i].over = std::find(left_out_.begin(), left_out_.end(), fault.kind) != left_out_.end();
    move_on(i);
  }
}

// The kinds of the scenario in a drawn order, of which the first are left out; one stays.
void FaultSchedule::switch_off(std::uint64_t seed) {
  std::vector<FaultKind> kinds;
  for (const Fault& fault : scenario_.faults) kinds.push_back(fault.kind);
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  const auto wanted = std::llround(scenario_.switch_off * static_cast<double>(kinds.size()));
  const std::size_t off = std::min(kinds.size() - 1, static_cast<std::size_t>(wanted));
  Prng prng(seed, switch_off_stream);
  for (std::size_t i = 0; i < off; ++i)
    std::swap(kinds[i], kinds[i + prng.below(kinds.size() - i)]);
  left_out_.assign(kinds.begin(), kinds.begin() + static_cast<std::ptrdiff_t>(off));
  std::sort(left_out_.begin(), left_out_.end());
}

bool FaultSchedule::counts_steps(std::size_t fault) const {
  return scenario_.faults[fault].at_step || scenario_.faults[fault].every_steps;
}

// To the next of a fault behind those that were given.
void FaultSchedule::move_on(std::size_t index) {
  const Fault& fault = scenario_.faults[index];
  Stream& stream = streams_[index];
  if (stream.over) return;
  if (fault.count && stream.given >= *fault.count) {
    stream.over = true;
    return;
  }
  if (fault.at) {
    stream.at = fault.at->in_base();
    return;
  }
  if (fault.at_step) {
    stream.at = static_cast<double>(*fault.at_step);
    return;
  }
  stream.at += stream.times.exponential(Seconds::of(mean_interval(fault, ground_))).in_base();
  const bool late =
      fault.every_steps
          ? std::ceil(stream.at) >
                (fault.until_step ? static_cast<double>(*fault.until_step) : step_last)
          : fault.until && stream.at > fault.until->in_base();
  stream.over = late || !std::isfinite(stream.at);
}

// Of those that come at once each has another target.
int FaultSchedule::drawn_target(Stream& stream, const Fault& fault, std::uint64_t targets) const {
  if (!at_once(fault)) return static_cast<int>(stream.targets.below(targets));
  auto target = static_cast<int>(stream.targets.below(targets - stream.hit.size()));
  for (const int other : stream.hit) target += other <= target ? 1 : 0;
  stream.hit.insert(std::upper_bound(stream.hit.begin(), stream.hit.end(), target), target);
  return target;
}

DueFault FaultSchedule::take(std::size_t index) {
  const Fault& fault = scenario_.faults[index];
  Stream& stream = streams_[index];
  DueFault due{.fault = index, .number = ++stream.given, .kind = fault.kind};
  if (counts_steps(index)) {
    due.step = static_cast<std::int64_t>(std::ceil(stream.at));
  } else {
    due.time = Seconds::of(stream.at);
  }
  const auto targets = static_cast<std::uint64_t>(targets_of(fault, ground_));
  const int target = drawn_target(stream, fault, targets);
  due.draw = stream.targets.bits();
  if (target_of(fault.kind) == FaultTarget::rank) due.rank = fault.rank.value_or(target);
  if (target_of(fault.kind) == FaultTarget::node) due.node = fault.node.value_or(target);
  move_on(index);
  return due;
}

std::optional<std::size_t> FaultSchedule::earliest(bool of_steps) const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (streams_[i].over || counts_steps(i) != of_steps) continue;
    const auto at = [&](std::size_t j) {
      return of_steps ? std::ceil(streams_[j].at) : streams_[j].at;
    };
    if (!found || at(i) < at(*found)) found = i;
  }
  return found;
}

// Who is killed by a fault does not do those behind it in the same list.
bool FaultSchedule::is_full(const std::vector<DueFault>& out) {
  return out.size() >= due_max || (!out.empty() && out.back().kind == FaultKind::kill_supervisor);
}

std::vector<DueFault> FaultSchedule::due(Seconds now, std::int64_t step) {
  std::vector<DueFault> out;
  while (!is_full(out)) {
    const auto next = earliest(false);
    if (!next || Seconds::of(streams_[*next].at) > now) break;
    out.push_back(take(*next));
  }
  while (!is_full(out)) {
    const auto next = earliest(true);
    if (!next || std::ceil(streams_[*next].at) > static_cast<double>(step)) break;
    out.push_back(take(*next));
  }
  return out;
}

std::optional<Seconds> FaultSchedule::next_time() const {
  const auto next = earliest(false);
  if (!next) return std::nullopt;
  return Seconds::of(streams_[*next].at);
}

std::optional<std::int64_t> FaultSchedule::next_step() const {
  const auto next = earliest(true);
  if (!next) return std::nullopt;
  return static_cast<std::int64_t>(std::ceil(streams_[*next].at));
}

std::vector<std::int64_t> FaultSchedule::given() const {
  std::vector<std::int64_t> out;
  for (const Stream& stream : streams_) out.push_back(stream.given);
  return out;
}

void FaultSchedule::resume(const std::vector<std::int64_t>& given) {
  for (std::size_t i = 0; i < std::min(given.size(), streams_.size()); ++i) {
    while (!streams_[i].over && streams_[i].given < given[i]) (void)take(i);
  }
}

std::string told(const DueFault& due, const Fault& fault) {
  std::string out = name_of(due.kind);
  if (due.rank) out += fmt::format(" of rank {}", *due.rank);
  if (due.node && fault.nodes == 1) out += fmt::format(" of node {}", *due.node);
  if (due.node && fault.nodes > 1) {
    out += fmt::format(" of nodes {} to {}", *due.node, *due.node + fault.nodes - 1);
  }
  std::vector<std::string> amounts;
  if (due.kind == FaultKind::slow || due.kind == FaultKind::spike) {
    amounts.push_back(fmt::format("{} times", fault.factor));
  }
  if (due.kind == FaultKind::preempt) amounts.push_back("in " + written(fault.notice));
  if (fault.lasts) amounts.push_back("for " + written(*fault.lasts));
  if (fault.lasts_steps) {
    amounts.push_back(
        fmt::format("for {} step{}", *fault.lasts_steps, *fault.lasts_steps == 1 ? "" : "s"));
  }
  if (!fault.cause.empty()) amounts.push_back("cause: " + fault.cause);
  if (!amounts.empty()) out += fmt::format(": {}", fmt::join(amounts, ", "));
  return out;
}

}  // namespace celere::spec
