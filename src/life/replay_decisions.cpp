#include "life/replay_decisions.hpp"

#include <algorithm>
#include <deque>

#include "policy/log_lines.hpp"
#include "tokens/hash.hpp"

namespace celere::life {
namespace {

// States that are kept, for who died between log and memory: few, and none of many nodes, where
// each is large.
constexpr std::size_t states_kept = 64;
constexpr int nodes_of_kept_states = 1000;

std::int64_t hash_of(const policy::Recovery& recovery) {
  return static_cast<std::int64_t>(tokens::hash64(recovery.state()));
}

class Replayer {
 public:
  Status read(const wire::Event& line) {
    if (replay_.parting) return Done{};
    if (line.event == "recovery_begins") return begins(line);
    if (line.event == "told") return told(line);
    if (line.event == "decision") decision(line);
    return Done{};
  }
  bool has_begun() const { return recovery_.has_value(); }
  DecisionReplay take() { return std::move(replay_); }

 private:
  Status begins(const wire::Event& line) {
    ASSIGN_OR_RETURN(const policy::Begins it, policy::read_begins(line));
    ++replay_.supervisors;
    expected_.clear();  // the last one died before it wrote them down
    if (!it.memory) {
      recovery_.emplace(it.settings, it.shape);
    } else {
      if (!recovery_ || !go_back_to(*it.memory)) {
        replay_.parting = {line.time, last_told_, "a supervisor that remembers something else",
                           "none of the states that the log leads to"};
        return Done{};
      }
      ASSIGN_OR_RETURN(recovery_,
                       policy::Recovery::from_state(it.settings, it.shape, recovery_->state()));
    }
    states_.clear();
    return Done{};
  }

  bool go_back_to(std::int64_t memory) {
    if (hash_of(*recovery_) == memory) return true;
    for (std::int64_t forgotten = 1; !states_.empty(); ++forgotten) {
      recovery_ = std::move(states_.back());
      states_.pop_back();
      if (hash_of(*recovery_) != memory) continue;
      replay_.forgotten += forgotten;
      return true;
    }
    return false;
  }

  Status told(const wire::Event& line) {
    if (!recovery_) return Error{ErrorCode::corrupt, "told before recovery_begins", {}};
    if (!expected_.empty()) {
      part(line, "nothing");
      return Done{};
    }
    ASSIGN_OR_RETURN(const policy::Told it, policy::read_told(line));
    ++replay_.told;
    last_told_ = wire::written_json(line);
    nodes_ = std::max(nodes_, std::ssize(recovery_->nodes()));
    if (nodes_ <= nodes_of_kept_states) states_.push_back(*recovery_);
    if (states_.size() > states_kept) states_.pop_front();
    const std::vector<policy::Action> actions =
        it.event ? recovery_->on(*it.event, it.at) : recovery_->begin(it.at);
    for (const policy::Action& action : actions) {
      expected_.push_back(policy::decision_fields(action, *recovery_));
    }
    return Done{};
  }

  void decision(const wire::Event& line) {
    if (expected_.empty() || expected_.front() != line.fields) {
      return part(line, wire::written_json(line));
    }
    expected_.pop_front();
    ++replay_.decisions;
  }

  void part(const wire::Event& line, std::string logged) {
    const std::string decided =
        expected_.empty() ? "nothing"
                          : wire::written_json({line.time, "decision", expected_.front()});
    replay_.parting = {line.time, last_told_, std::move(logged), decided};
  }

  std::optional<policy::Recovery> recovery_;
  std::deque<std::vector<wire::EventField>> expected_;
  std::deque<policy::Recovery> states_;  // before each of the last that was told
  std::ptrdiff_t nodes_ = 0;
  std::string last_told_;
  DecisionReplay replay_;
};

}  // namespace

Result<DecisionReplay> replay_decisions(const std::vector<wire::Event>& log) {
  Replayer replayer;
  for (const wire::Event& line : log) RETURN_IF_ERROR(replayer.read(line));
  if (!replayer.has_begun()) {
    return Error{ErrorCode::unsupported,
                 "the log does not say what recovery was told: it was written by a version of "
                 "celere that did not yet",
                 {}};
  }
  return replayer.take();
}

}  // namespace celere::life
