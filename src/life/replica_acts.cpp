// What recovery orders, and how long it takes.
#include <algorithm>

#include "base/check.hpp"
#include "life/replica.hpp"
#include "policy/log_lines.hpp"

namespace celere::life {

void Replica::tell(const policy::Event& event) { carry_out(policy_.on(event, {now_})); }

void Replica::tell_in_order(const policy::Event& event) {
  if (job_ == Job::running) deliver_commits();
  tell(event);
}

void Replica::carry_out(std::vector<policy::Action> actions) {
  if (options_.decisions) {
    for (const policy::Action& action : actions) {
      life_.decisions.push_back({now_, {{}, "decision", policy::decision_fields(action, policy_)}});
    }
  }
  for (policy::Action& action : actions) {
    say("{}", action.why);
    why_ = std::move(action.why);
    std::visit([&](const auto& what) { act(what); }, action.what);
  }
  if (policy_.phase() == policy::Phase::waiting) wait();
  const std::optional<Instant> wakes = policy_.wakes();
  if (wakes && (!tick_at_ || wakes->nanoseconds < *tick_at_)) {
    tick_at_ = wakes->nanoseconds;
    at(*tick_at_, Kind::tick);
  }
  watch_commits();
}

// Backing off is part of the restart; else nodes are missing.
void Replica::wait() {
  Part part = life_.starts == 0 ? Part::waiting : Part::no_machine;
  if (life_.starts > 0 && policy_.steady() >= policy_.shape().slots) part = Part::restart;
  if (job_ != Job::none || part != part_) enter(part);
  job_ = Job::none;
}

void Replica::act(const policy::Start& start) {
  const Times& times = scene_.times;
  Seconds wait = times.restart + times.load + times.warm_up;
  const bool single = cause_ < 0 || scene_.causes[static_cast<std::size_t>(cause_)].group == 1;
  if (scene_.checkpoints.memory_copy && single && !start.from_step) {
    wait = times.restart + times.load_memory + times.warm_up;
  }
  switch (start.how) {
    case policy::How::first:
      wait = times.first;
      break;
    case policy::How::in_place:
      break;
    case policy::How::elsewhere:
    case policy::How::spare:
      wait += times.replace;
      break;
    case policy::How::resized:
      wait += times.change;
      break;
  }
  const int slots = policy_.shape().slots;
  layout_ = &*std::ranges::find(scene_.layouts, slots, &Layout::nodes);
  ++life_.starts;
  reached_ = policy_.committed().value_or(0);
  told_commit_ = reached_;
  in_flight_.clear();
  save_wanted_ = false;
  if (corrupt_since_ && reached_ < *corrupt_since_) {
    if (trains(corrupt_node_)) {
      corrupt_since_ = reached_ + 1;
    } else {
      corrupt_since_.reset();
    }
  }
  enter(Part::restart);
  job_ = Job::starting;
  after(nanoseconds(wait), Kind::ready, start.generation);
}

void Replica::act(const policy::Regroup& regroup) {
  stand(Job::regrouping, Part::restart);
  ++life_.regroups;
  in_flight_.clear();
  save_wanted_ = false;
  after(nanoseconds(scene_.times.regroup), Kind::went_on, regroup.generation);
}

void Replica::act(const policy::Stop& stop) {
  stand(Job::stopping, Part::restart);
  after(nanoseconds(scene_.times.stop), Kind::generation_ended, stop.generation);
}

void Replica::act(const policy::StopSaved&) { CHECK(false); }  // nobody asks for a stop here

void Replica::act(const policy::SaveNow&) {
  save_wanted_ = true;
  if (job_ == Job::running) save_soon();
}

void Replica::act(const policy::Replan& replan) {
  if (job_ == Job::none || job_ == Job::stopping) {
    enter(life_.starts == 0 ? Part::waiting : Part::restart);
  }
  after(nanoseconds(scene_.times.plan), Kind::planned, replan.nodes);
}

// It is looked at, as long as a repair takes, and then may work again.
void Replica::act(const policy::Drain& drain) {
  ++life_.drained;
  const Cause* cause = cause_ < 0 ? nullptr : &scene_.causes[static_cast<std::size_t>(cause_)];
  after(cause == nullptr ? 0 : repair_time(*cause), Kind::clear, drain.node);
}

void Replica::act(const policy::Note&) {}

void Replica::act(const policy::GiveUp&) {
  settle();
  life_.why_not = why_.text();
  job_ = Job::over;
}

void Replica::act(const policy::Finish&) {
  settle();
  life_.done = true;
  job_ = Job::over;
}

}  // namespace celere::life
