// Steps, saves and the account of one life.
#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "life/replica.hpp"

namespace celere::life {
namespace {

bool is_loss(Part part) {
  return part == Part::detection || part == Part::restart || part == Part::no_machine;
}

}  // namespace

void Replica::settle() {
  const Nanoseconds passed = now_ - since_;
  since_ = now_;
  life_.account[static_cast<std::size_t>(part_)] += passed;
  if (is_loss(part_) && cause_ >= 0) life_.causes[static_cast<std::size_t>(cause_)].lost += passed;
}

void Replica::enter(Part part) {
  settle();
  part_ = part;
}

double Replica::slowness(int* cause) const {
  double factor = 1;
  for (const SlowNode& slow : slow_) {
    if (slow.factor <= factor || !trains(slow.node)) continue;
    factor = slow.factor;
    *cause = slow.cause;
  }
  return factor;
}

Nanoseconds Replica::pace(bool with_slow) const {
  int cause = -1;
  const double replicas = layout_->replicas;
  const double present = layout_->replicas_whole ? policy_.shape().replicas : replicas;
  return nanoseconds(layout_->step * (replicas / present) * (with_slow ? slowness(&cause) : 1));
}

void Replica::begin_stretch(Step from, Nanoseconds lead) {
  if (from >= scene_.steps) return save_last();
  const Checkpoints& checkpoints = scene_.checkpoints;
  ++epoch_;
  job_ = Job::running;
  stretch_ = {.begin = now_ + lead,
              .lead = lead,
              .from = from,
              .step = pace(true),
              .every = checkpoints.every,
              .blocking = nanoseconds(checkpoints.blocking)};
  at(stretch_.done_at(from + 1), Kind::first_step, epoch_);
  at(stretch_.done_at(scene_.steps), Kind::last_step, epoch_);
  if (save_wanted_) save_soon();
  plan_check();
  if (options_.every_event && checkpoints.every > 0) {
    const Step next = (from / checkpoints.every + 1) * checkpoints.every;
    for (Step step = next; step < scene_.steps; step += checkpoints.every) {
      at(stretch_.done_at(step) + nanoseconds(checkpoints.blocking + checkpoints.background),
         Kind::commit, policy_.generation());
    }
  }
}

Nanoseconds Replica::end_stretch(bool failed) {
  const Stretch ended = stretch_;
  const Stretch::Parts parts = ended.until(now_);
  CHECK_EQ(since_, ended.begin - ended.lead);
  const Step again = std::clamp<Step>(best_ - ended.from, 0, parts.steps);
  const Step fresh = parts.steps - again;
  const Nanoseconds replay = again * ended.step + parts.partial;
  const auto add = [&](Part part, Nanoseconds time) {
    life_.account[static_cast<std::size_t>(part)] += time;
  };
  add(Part::useful, fresh * full_pace_);
  add(Part::degraded, fresh * (ended.step - full_pace_));
  add(Part::replay, replay);
  add(Part::checkpoint, parts.saving);
  if (cause_ >= 0) life_.causes[static_cast<std::size_t>(cause_)].lost += again * ended.step;
  int slow_cause = -1;
  if (slowness(&slow_cause) > 1) {
    life_.causes[static_cast<std::size_t>(slow_cause)].lost +=
        fresh * std::max<Nanoseconds>(0, ended.step - pace(false));
  }
  since_ = now_;
  reached_ = ended.from + parts.steps;
  best_ = std::max(best_, reached_);
  life_.steps_again += again;
  const Step every = ended.every;
  if (every > 0) life_.checkpoints += reached_ / every - ended.from / every;
  job_ = Job::halted;
  tell_progress(ended);
  if (failed) {
    in_flight_.clear();
    return parts.partial;
  }
  // A checkpoint that is on its way to the disk arrives whatever the steps do.
  const Step newest = every > 0 ? reached_ / every * every : 0;
  if (newest <= ended.from) return parts.partial;
  const Nanoseconds due = ended.done_at(newest) +
                          nanoseconds(scene_.checkpoints.blocking + scene_.checkpoints.background);
  if (due > now_) in_flight_.push_back({newest, due});
  return parts.partial;
}

void Replica::save_last() {
  const Checkpoints& checkpoints = scene_.checkpoints;
  if (checkpoints.every == 0 || scene_.steps % checkpoints.every != 0) ++life_.checkpoints;
  ++epoch_;
  job_ = Job::finishing;
  part_ = Part::checkpoint;
  after(nanoseconds(checkpoints.blocking + checkpoints.background), Kind::finish, epoch_);
}

// The commit up to where all is known to be right comes first: what is before it may be forgotten
// with the check, and what is behind it not be trusted.
void Replica::tell_progress(const Stretch& stretch) {
  const int generation = policy_.generation();
  if (reached_ > stretch.from) tell(policy::Trained{generation, reached_});
  const auto committed = stretch.committed_by(now_, nanoseconds(scene_.checkpoints.background));
  if (scene_.check_every > 0) {
    const Step sound = corrupt_since_ ? std::min(reached_, *corrupt_since_ - 1) : reached_;
    const Step clean = sound / scene_.check_every * scene_.check_every;
    Step before = 0;
    for (const Commit& commit : in_flight_) {
      if (commit.at <= now_ && commit.step <= clean) before = std::max(before, commit.step);
    }
    if (committed) {
      const Step own = std::min(*committed, clean) / stretch.every * stretch.every;
      if (own > stretch.from) before = own;
    }
    if (before > 0) tell_commit(before);
    if (clean > stretch.from) tell(policy::CleanCheck{generation, clean});
  }
  Step newest = committed.value_or(0);
  for (const Commit& commit : in_flight_) {
    if (commit.at <= now_) newest = std::max(newest, commit.step);
  }
  if (newest > 0) tell_commit(newest);
}

void Replica::tell_commit(Step step) {
  if (step <= told_commit_) return;
  told_commit_ = step;
  tell(policy::CheckpointCommitted{step});
}

// While running: an event for each commit that recovery waits for.
void Replica::deliver_commits() {
  const Step before = reached_;
  reached_ = stretch_.done_by(now_);
  tell_progress(stretch_);
  if (job_ == Job::running) reached_ = before;
}

void Replica::go_on() {
  end_stretch(false);
  if (job_ != Job::halted) return;
  const Checkpoints& checkpoints = scene_.checkpoints;
  const bool saves =
      checkpoints.every > 0 && reached_ % checkpoints.every == 0 && reached_ > stretch_.from;
  begin_stretch(reached_, saves ? nanoseconds(checkpoints.blocking) : 0);
}

void Replica::save_soon() {
  // Whatever is committed next will do.
  const Step done = stretch_.done_by(now_);
  const Checkpoints& checkpoints = scene_.checkpoints;
  const Nanoseconds takes = nanoseconds(checkpoints.blocking + checkpoints.background);
  const Step last = checkpoints.every > 0 ? done / checkpoints.every * checkpoints.every : 0;
  if (last > stretch_.from && stretch_.done_at(last) + takes > now_) {
    at(stretch_.done_at(last) + takes, Kind::commit, policy_.generation());
  }
  for (const Commit& commit : in_flight_) {
    if (commit.at > now_) at(commit.at, Kind::commit, policy_.generation());
  }
  const Step step = done + 1;
  if (step >= scene_.steps) return;  // it ends with a save
  at(stretch_.done_at(step), Kind::save, epoch_, step);
}

void Replica::save_at(Step step) {
  const Checkpoints& checkpoints = scene_.checkpoints;
  save_wanted_ = false;
  const Nanoseconds blocking = nanoseconds(checkpoints.blocking);
  const Nanoseconds due = now_ + blocking + nanoseconds(checkpoints.background);
  after(due - now_, Kind::commit, policy_.generation());
  if (checkpoints.every > 0 && step % checkpoints.every == 0) return;  // it saves anyway
  end_stretch(false);
  if (job_ != Job::halted) return;
  CHECK_EQ(reached_, step);
  ++life_.checkpoints;
  in_flight_.push_back({step, due});
  begin_stretch(step, blocking);
}

// The next check that can see what is wrong.
void Replica::plan_check() {
  if (!corrupt_since_ || scene_.check_every == 0) return;
  const Step first = std::max(*corrupt_since_, stretch_.done_by(now_) + 1);
  const Step step = (first + scene_.check_every - 1) / scene_.check_every * scene_.check_every;
  if (step >= scene_.steps) return;
  at(stretch_.done_at(step), Kind::check, epoch_, step);
}

void Replica::check_failed(Step step) {
  say("the check behind step {} finds that replicas differ", step);
  halt(corrupt_cause_);
  const Cause& cause = scene_.causes[static_cast<std::size_t>(corrupt_cause_)];
  outages_.push_back({.cause = corrupt_cause_, .nodes = {corrupt_node_}});
  after(nanoseconds(cause.localise), Kind::report, std::ssize(outages_) - 1);
}

}  // namespace celere::life
