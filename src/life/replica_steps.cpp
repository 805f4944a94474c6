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
  tell_span(part_);
  since_ = now_;
  life_.account[static_cast<std::size_t>(part_)] += passed;
  if (is_loss(part_) && cause_ >= 0) life_.causes[static_cast<std::size_t>(cause_)].lost += passed;
}

void Replica::tell_span(std::optional<Part> part) {
  if (!options_.story || now_ == since_) return;
  const int nodes = part ? 0 : static_cast<int>(policy_.nodes().size());
  life_.spans.push_back({since_, now_, part, nodes});
}

// Those that the stretch which ends passed first.
void Replica::pass_milestones() {
  while (std::ssize(life_.reached) < milestones) {
    const Step step =
        (scene_.steps * (std::ssize(life_.reached) + 1) + milestones - 1) / milestones;
    if (step > reached_) return;
    life_.reached.push_back(step > stretch_.from ? stretch_.done_at(step) : now_);
  }
}

void Replica::enter(Part part) {
  settle();
  part_ = part;
}

Nanoseconds Replica::stand(Job job, Part part, bool failed) {
  Nanoseconds partial = 0;
  if (job_ == Job::running) {
    partial = end_stretch(failed);
  } else {
    settle();
  }
  ++epoch_;
  job_ = job;
  part_ = part;
  return partial;
}

// ---- how long a step takes ----

const Replica::SlowNode* Replica::slowest() const {
  const SlowNode* out = nullptr;
  for (const SlowNode& slow : slow_) {
    if (slow.factor > (out == nullptr ? 1 : out->factor) && trains(slow.node)) out = &slow;
  }
  return out;
}

std::optional<Nanoseconds> Replica::slowed_until(const Slowdown& slowdown, Nanoseconds time) const {
  const Nanoseconds begin = nanoseconds(slowdown.at), every = nanoseconds(slowdown.every);
  if (time < begin) return std::nullopt;
  const Nanoseconds last = every == 0 ? begin : time - (time - begin) % every;
  const Nanoseconds end = last + nanoseconds(slowdown.lasts);
  return time < end ? std::optional(end) : std::nullopt;
}

Nanoseconds Replica::standing_from(Nanoseconds time) const {
  Nanoseconds end = time;
  const auto stops = [&](const Slowdown& slowdown) {
    const auto until = slowdown.stops ? slowed_until(slowdown, end) : std::nullopt;
    if (until) end = *until;
    return until.has_value();
  };
  const Nanoseconds horizon = nanoseconds(scene_.horizon);
  while (end < horizon && std::ranges::any_of(scene_.slowdowns, stops)) {
  }
  return end - time;
}

Nanoseconds Replica::pace(double slowness, Nanoseconds time) const {
  const policy::Shape& shape = policy_.shape();
  const double replicas = layout_->replicas;
  const double present = layout_->replicas_whole ? shape.replicas : replicas;
  for (const Slowdown& slowdown : scene_.slowdowns) {
    if (!slowdown.stops && slowed_until(slowdown, time)) slowness *= slowdown.factor;
  }
  slowness *= 1 + shape.slots * (scene_.flaps.rate * scene_.flaps.stall);
  return nanoseconds(layout_->step * (replicas / present) * slowness);
}

void Replica::change_pace() {
  if (job_ == Job::running) at(stretch_.done_at(stretch_.done_by(now_) + 1), Kind::pace, epoch_);
}

// ---- stretches ----

void Replica::begin_stretch(Step from, Pause lead) {
  if (from >= scene_.steps) return save_last();
  ++epoch_;
  job_ = Job::running;
  lead.standing = standing_from(now_ + lead.whole());
  const Nanoseconds begin = now_ + lead.whole();
  const SlowNode* slow = slowest();
  slow_cause_ = slow == nullptr ? -1 : slow->cause;
  healthy_pace_ = pace(1, begin);
  stretch_ = {.begin = begin,
              .lead = lead,
              .from = from,
              .step = slow == nullptr ? healthy_pace_ : pace(slow->factor, begin),
              .every = scene_.checkpoints.every,
              .blocking = blocking_,
              .background = background_,
              .evaluates = scene_.evaluation.every,
              .evaluation = nanoseconds(scene_.evaluation.takes)};
  at(stretch_.done_at(from + 1), Kind::first_step, epoch_);
  at(stretch_.done_at(scene_.steps), Kind::last_step, epoch_);
  if (save_wanted_) save_soon();
  plan_check();
  plan_spike();
  watched_at_.reset();
  watch_commits();
  const Step every = stretch_.every;
  if (!options_.every_event || every == 0) return;
  for (Step step = (from / every + 1) * every; step < scene_.steps; step += every) {
    at(stretch_.committed_at(step), Kind::commit, policy_.generation());
  }
}

Nanoseconds Replica::end_stretch(bool failed) {
  const Stretch ended = stretch_;
  const Stretch::Parts parts = ended.until(now_);
  CHECK_EQ(since_, ended.begin - ended.lead.whole());
  const Step again = std::clamp<Step>(best_ - ended.from, 0, parts.steps);
  const Step fresh = parts.steps - again;
  const Nanoseconds replay = again * ended.step + parts.partial;
  const auto add = [&](Part part, Nanoseconds time) {
    life_.account[static_cast<std::size_t>(part)] += time;
  };
  add(Part::useful, fresh * full_pace_);
  add(Part::degraded, fresh * (ended.step - full_pace_) + parts.pause.standing);
  add(Part::replay, replay);
  add(Part::checkpoint, parts.pause.saving);
  add(Part::evaluation, parts.pause.evaluating);
  if (cause_ >= 0) life_.causes[static_cast<std::size_t>(cause_)].lost += again * ended.step;
  if (slow_cause_ >= 0) {
    life_.causes[static_cast<std::size_t>(slow_cause_)].lost +=
        fresh * (ended.step - healthy_pace_);
  }
  tell_span({});
  since_ = now_;
  reached_ = ended.from + parts.steps;
  pass_milestones();
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
  if (newest > ended.from && ended.committed_at(newest) > now_) {
    in_flight_.push_back({newest, ended.committed_at(newest)});
  }
  return parts.partial;
}

void Replica::save_last() {
  const Step every = scene_.checkpoints.every;
  if (every == 0 || scene_.steps % every != 0) ++life_.checkpoints;
  ++epoch_;
  job_ = Job::finishing;
  part_ = Part::checkpoint;
  after(blocking_ + background_, Kind::finish, epoch_);
}

// The newest up to `last` that is committed by now; 0: none.
Step Replica::commit_up_to(Step last, const Stretch& stretch) const {
  Step out = 0;
  for (const Commit& commit : in_flight_) {
    if (commit.at <= now_ && commit.step <= last) out = std::max(out, commit.step);
  }
  if (const auto committed = stretch.committed_by(now_)) {
    const Step own = std::min(*committed, last) / stretch.every * stretch.every;
    if (own > stretch.from) out = own;
  }
  return out;
}

// A commit may end the generation, which is told of no check then. Commits to which it may have to
// go back come before the newest, with which they may be forgotten: the last before a spike, and
// the last that is known to be right.
void Replica::tell_progress(const Stretch& stretch) {
  const int generation = policy_.generation();
  if (reached_ > stretch.from) tell(policy::Trained{generation, reached_});
  const Step sound = corrupt_since_ ? std::min(reached_, *corrupt_since_ - 1) : reached_;
  const Step clean = scene_.check_every == 0 ? 0 : sound / scene_.check_every * scene_.check_every;
  const Step before_spike = spike_since_ ? *spike_since_ - 1 : 0;
  if (clean > stretch.from) tell(policy::CleanCheck{generation, clean});
  tell_commit(commit_up_to(std::min(clean, before_spike), stretch));
  tell_commit(commit_up_to(std::max(clean, before_spike), stretch));
  tell_commit(commit_up_to(scene_.steps, stretch));
}

void Replica::tell_commit(Step step) {
  if (step <= told_commit_) return;
  told_commit_ = step;
  tell(policy::CheckpointCommitted{step});
}

// Of a node that leaves recovery thinks anew with each commit, as time passes.
void Replica::watch_commits() {
  if (job_ != Job::running || !policy_.is_any_leaving()) return;
  std::optional<Nanoseconds> next;
  for (const Commit& commit : in_flight_) {
    if (commit.at > now_ && (!next || commit.at < *next)) next = commit.at;
  }
  const Step every = stretch_.every;
  if (!next && every > 0) {
    const Step newest = stretch_.committed_by(now_).value_or(stretch_.from);
    const Step step = (newest / every + 1) * every;
    if (step < scene_.steps) next = stretch_.committed_at(step);
  }
  if (!next || (watched_at_ && *watched_at_ > now_ && *watched_at_ <= *next)) return;
  watched_at_ = next;
  at(*next, Kind::commit, policy_.generation());
}

// While running: an event for each commit that recovery waits for.
void Replica::deliver_commits() {
  const Step before = reached_;
  reached_ = stretch_.done_by(now_);
  tell_progress(stretch_);
  if (job_ == Job::running) reached_ = before;
}

void Replica::go_on() {
  const Stretch ended = stretch_;
  end_stretch(false);
  if (job_ != Job::halted) return;
  begin_stretch(reached_, reached_ > ended.from ? ended.pause_behind(reached_) : Pause{});
}

void Replica::save_soon() {
  // Whatever is committed next will do.
  const Step done = stretch_.done_by(now_);
  const Step every = stretch_.every;
  const Step last = every > 0 ? done / every * every : 0;
  if (last > stretch_.from && stretch_.committed_at(last) > now_) {
    at(stretch_.committed_at(last), Kind::commit, policy_.generation());
  }
  for (const Commit& commit : in_flight_) {
    if (commit.at > now_) at(commit.at, Kind::commit, policy_.generation());
  }
  const Step step = done + 1;
  if (step >= scene_.steps) return;  // it ends with a save
  at(stretch_.done_at(step), Kind::save, epoch_, step);
}

void Replica::save_at(Step step) {
  save_wanted_ = false;
  const Nanoseconds due = now_ + blocking_ + background_;
  at(due, Kind::commit, policy_.generation());
  Pause pause = stretch_.pause_behind(step);
  if (stretch_.every > 0 && step % stretch_.every == 0) return;  // it saves anyway
  pause.saving = blocking_;
  end_stretch(false);
  if (job_ != Job::halted) return;
  CHECK_EQ(reached_, step);
  ++life_.checkpoints;
  in_flight_.push_back({step, due});
  begin_stretch(step, pause);
}

// The next check that can see what is wrong.
void Replica::plan_check() {
  if (!corrupt_since_ || scene_.check_every == 0) return;
  const Step first = std::max(*corrupt_since_, stretch_.done_by(now_) + 1);
  const Step step = (first + scene_.check_every - 1) / scene_.check_every * scene_.check_every;
  if (step >= scene_.steps) return;
  at(stretch_.done_at(step), Kind::check, epoch_, step);
}

// Where it is seen, and where it is seen that it lasts, as far as they are to come.
void Replica::plan_spike() {
  if (!spike_since_) return;
  const Step next = stretch_.done_by(now_) + 1;
  const Step lasts = std::max(*spike_since_ + scene_.recovery.spike_heals + 1, next);
  for (const Step step : {*spike_since_, lasts}) {
    if (step < next || step >= scene_.steps) continue;
    at(stretch_.done_at(step), Kind::spike, epoch_, step);
  }
}

}  // namespace celere::life
