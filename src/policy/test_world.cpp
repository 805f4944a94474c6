#include "policy/test_world.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>

namespace celere::policy {
namespace {

Shape shape_of(int nodes) {
  return {.slots = nodes,
          .replicas = nodes,
          .replica_of_slot = SlotReplicas::rows(nodes, nodes, 1),
          .replicas_whole = true};
}

Step newest(const std::set<Step>& steps) { return steps.empty() ? 0 : *steps.rbegin(); }

// The newest that is not newer than `bound`; 0: none, the beginning.
Step newest(const std::set<Step>& steps, Step bound) {
  const auto after = steps.upper_bound(bound);
  return after == steps.begin() ? 0 : *std::prev(after);
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options), policy_(options.settings, options.shape) {
  for (Node node = 0; node < options.nodes; ++node) {
    present_.insert(node);
    tell(NodeJoined{node});
  }
  carry_out(policy_.begin(now()));
  write_down();
}

void World::must(bool condition, const std::string& what) {
  if (!condition) wrong_.push_back(fmt::format("at {} s: {}", now_, what));
}

// ---- what is told ----

void World::tell(const Event& event) {
  events_.push_back(event);
  if (telling_) return;
  telling_ = true;
  while (!events_.empty() && !over()) {
    const Event next = events_.front();
    events_.pop_front();
    keep_books(next);
    // A supervisor that took over just now decides the same as one that never died.
    std::optional<Recovery> twin;
    if (policy_.phase() != Phase::idle && options_.twin_every > 0 &&
        ++told_ % options_.twin_every == 0) {
      auto read = Recovery::from_state(options_.settings, options_.shape, policy_.state());
      must(read.ok(), "the state cannot be read");
      if (read.ok()) twin = *read;
    }
    const std::vector<Action> actions = policy_.on(next, now());
    if (twin) {
      must(twin->on(next, now()) == actions, "a supervisor that took over decides otherwise");
      must(twin->state() == policy_.state() && twin->wakes() == policy_.wakes(),
           "a supervisor that took over remembers otherwise");
    }
    for (const Action& action : actions) {
      if (std::holds_alternative<Stop>(action.what)) {
        moves_ = action.why.text().find("and all is saved") != std::string::npos;
      }
    }
    if (!actions.empty() || !std::holds_alternative<Trained>(next)) write_down();
    if (orders_lost_ && !actions.empty() && policy_.phase() != Phase::over) {
      orders_lost_ = false;
      log_ += fmt::format("{:4}  (the supervisor dies before its orders are out)\n", now_);
      take_over();
    } else {
      carry_out(actions);
    }
  }
  telling_ = false;
}

void World::keep_books(const Event& event) {
  if (const auto* it = std::get_if<Trained>(&event);
      it && it->generation == generation_ && it->step > books_.best) {
    books_.best = it->step;
    books_.progressed = true;
    books_.fruitless = 0;
  }
  if (const auto* it = std::get_if<CheckpointCommitted>(&event)) {
    stored_.insert(it->step);
    trusted_.insert(it->step);
  }
  const auto* check = std::get_if<CleanCheck>(&event);
  if (check != nullptr && check->generation == generation_) clean_ = std::max(clean_, check->step);
  const auto* bad = std::get_if<BadNumbers>(&event);
  if (bad != nullptr && bad->kind == Sick::mismatch && bad->generation == generation_) {
    trust_until(newest(trusted_, clean_));
  }
  const auto* end = std::get_if<GenerationEnded>(&event);
  if (end != nullptr && end->generation == generation_ && policy_.phase() == Phase::training) {
    failed();
  }
}

void World::trust_until(Step step) {
  trusted_.erase(trusted_.upper_bound(step), trusted_.end());
  clean_ = std::min(clean_, step);
}

void World::write_down() {
  state_ = policy_;
  written_books_ = books_;
}

void World::failed() {
  books_.failed_at = now_;
  books_.fruitless = books_.progressed ? 0 : books_.fruitless + 1;
}

// ---- what is ordered ----

void World::carry_out(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    log_ += fmt::format("{:4}  [{}] {}\n", now_, action.what.index(), action.why.text());
    must(!over(), "an order after the end");
    std::visit([&](const auto& what) { carry_out(what, action.why.text()); }, action.what);
  }
}

void World::carry_out(const Start& start, const std::string&) {
  if (start.generation == generation_) return;  // said again
  must(workers_.empty(), "a start while a generation lives");
  must(start.generation > generation_, "a generation begins anew");
  must(std::ssize(start.nodes) == policy_.shape().slots, "not one node for each slot");
  const std::set<Node> nodes(start.nodes.begin(), start.nodes.end());
  must(nodes.size() == start.nodes.size(), "one node for two slots");
  for (const Node node : nodes) {
    must(!drained_.contains(node), "a start on a drained node");
    must(!told_gone_.contains(node), "a start on a node that is gone");
  }
  const auto& settings = options_.settings;
  if (books_.fruitless > 0) {
    must(books_.fruitless < settings.retries, "a start beyond the retries");
    const double pause = std::min(settings.back_off.in_base() * std::exp2(books_.fruitless - 1),
                                  settings.back_off_max.in_base());
    must(now_ >= books_.failed_at + pause, "a start without back-off");
  }
  // (From behind the spike it is said for what an older roll back left on the disk.)
  if (start.from_step && spike_told_ && spike_ && *start.from_step < *spike_) {
    trust_until(newest(trusted_, *spike_ - 1));
    spike_.reset();
  }
  spike_told_ = false;
  const Step from = newest(stored_, start.from_step.value_or(options_.last_step));
  must(from == newest(trusted_),
       fmt::format("begins from {}, and {} is the newest to be trusted", from, newest(trusted_)));
  if (start.from_step) stored_.erase(stored_.upper_bound(*start.from_step), stored_.end());
  clean_ = std::min(clean_, from);
  const std::set<Step> skipped(start.skipped.begin(), start.skipped.end());
  must(std::ranges::includes(skipped, skipped_), "a step that was skipped is not any more");
  must(std::ssize(skipped) <= settings.skips, "too many steps are skipped");
  skipped_ = skipped;
  generation_ = start.generation;
  slots_ = start.nodes;
  workers_.clear();
  std::ranges::set_intersection(nodes, present_, std::inserter(workers_, workers_.end()));
  hung_ = workers_.size() < nodes.size();
  ready_at_ = now_ + 2;
  stopping_ = saving_to_stop_ = regrouping_ = books_.progressed = false;
  ended_told_ = false;
  saving_.reset();
  carriers_.clear();
  step_ = from;
  ++starts_;
}

void World::carry_out(const Regroup& regroup, const std::string&) {
  if (regroup.generation == generation_) return;
  must(regroup.generation > generation_, "a generation begins anew");
  const std::set<Node> joining(regroup.joining.begin(), regroup.joining.end());
  std::set<Node> living;
  for (const Node node : regroup.nodes) {
    must(!joining.contains(node) || !(drained_.contains(node) || told_gone_.contains(node)),
         "a drained node or one that is gone joins");
    must(joining.contains(node) || std::ranges::find(slots_, node) != slots_.end(),
         "a node goes on that was not there");
    must(joining.contains(node) || carriers_.contains(node), "a node goes on that carries nothing");
    if (joining.contains(node) ? present_.contains(node) : workers_.contains(node)) {
      living.insert(node);
    }
  }
  must(regroup.lost.has_value() || !joining.empty(), "neither lost nor joined");
  must(joining.size() < regroup.nodes.size(), "nobody goes on who carries anything");
  workers_ = living;
  slots_ = regroup.nodes;
  generation_ = regroup.generation;
  hung_ = books_.progressed = false;
  regrouping_ = true;
  ready_at_ = now_ + 1;
  ++regroups_;
}

void World::carry_out(const Stop& stop, const std::string&) {
  must(stop.generation == generation_, "stops another generation");
  if (stopping_) return;
  stopping_ = true;
  saving_to_stop_ = false;
  if (!moves_ && !asked_to_stop_) failed();
}

void World::carry_out(const StopSaved& stop, const std::string&) {
  must(stop.generation == generation_ && !stopping_, "asks another generation to stop");
  saving_to_stop_ = true;
}

void World::carry_out(const SaveNow& save_now, const std::string&) {
  must(save_now.generation == generation_ && !stopping_, "asks another generation to save");
  if (!saving_) saving_ = step_;
}

void World::carry_out(const Replan& replan, const std::string&) {
  must(replan.nodes >= 1 && replan.nodes <= options_.shape.slots, "a plan for impossible nodes");
  const bool fits = now_ >= no_plan_until_;
  later_.push_back(
      {now_ + 1, Planned{fits ? std::optional(shape_of(replan.nodes)) : std::nullopt}});
}

void World::carry_out(const Drain& drain, const std::string&) { drained_.insert(drain.node); }
void World::carry_out(const Note&, const std::string&) {}
void World::carry_out(const GiveUp&, const std::string& why) { ended_ = "gave up: " + why; }
void World::carry_out(const Finish& finish, const std::string&) {
  must(workers_.empty(), "an end while a generation lives");
  ended_ = finish.done ? "done" : "stopped";
}

void World::take_over() {
  auto read = Recovery::from_state(options_.settings, options_.shape, state_->state());
  must(read.ok(), "the state cannot be read");
  if (!read.ok()) return;
  policy_ = *read;
  books_ = written_books_;
  // Answers to the supervisor before come to nobody.
  std::erase_if(later_, [](const Later& it) { return std::holds_alternative<Planned>(it.event); });
  carry_out(policy_.begin(now()));
  write_down();
}

// ---- what happens ----

void World::lose(Node node) {
  if (!present_.erase(node)) return;
  log_ += fmt::format("{:4}  (node {} is lost)\n", now_, node);
  workers_.erase(node);
  if (std::ranges::find(slots_, node) != slots_.end()) hung_ = true;
  later_.push_back({now_ + 1, NodeGone{node}});
}

void World::come_back(Node node) {
  if (present_.contains(node)) return;
  if (!told_gone_.contains(node)) {
    told_gone_.insert(node);
    tell(NodeGone{node});
    std::erase_if(later_, [&](const Later& it) {
      const auto* gone = std::get_if<NodeGone>(&it.event);
      return gone != nullptr && gone->node == node;
    });
  }
  present_.insert(node);
  told_gone_.erase(node);
  tell(NodeJoined{node});
}

void World::repair() {
  cannot_go_on_ = orders_lost_ = false;
  saves_fail_until_ = no_plan_until_ = 0;
  leaves_at_.clear();
  back_at_.clear();
  for (Node node = 0; node < options_.nodes; ++node) come_back(node);
  for (const Node node : std::exchange(drained_, {})) tell(NodeCleared{node});
}

void World::ask_to_stop() {
  asked_to_stop_ = true;
  tell(StopAsked{});
}

void World::second() {
  if (over()) return;
  ++now_;
  if (const auto wakes = policy_.wakes(); wakes && *wakes <= now()) tell(Tick{});
  for (const auto& [node, at] : std::map(leaves_at_)) {
    if (at <= now_) lose(node), leaves_at_.erase(node), back_at_[node] = now_ + 10;
  }
  for (const auto& [node, at] : std::map(back_at_)) {
    if (at <= now_) come_back(node), back_at_.erase(node);
  }
  std::vector<Later> due;
  std::erase_if(later_, [&](const Later& it) {
    if (it.at > now_) return false;
    due.push_back(it);
    return true;
  });
  for (const Later& it : due) {
    if (const auto* gone = std::get_if<NodeGone>(&it.event)) told_gone_.insert(gone->node);
    tell(it.event);
  }
  if (over() || ended_told_ || generation_ == 0) return;
  // Nobody knows of a silent node whether its workers live.
  const bool known = std::ranges::all_of(
      slots_, [&](Node node) { return present_.contains(node) || told_gone_.contains(node); });
  if (known && (stopping_ || workers_.empty())) return end_generation();
  if (now_ < ready_at_ || stopping_) return;
  if (regrouping_) {
    regrouping_ = false;
    const bool whole = workers_.size() == slots_.size() && !cannot_go_on_;
    if (whole) {
      carriers_ = workers_;
      return tell(WentOn{generation_, step_});
    }
    cannot_go_on_ = false;
    return tell(CouldNotGoOn{generation_});
  }
  if (!hung_) train();
}

void World::end_generation() {
  workers_.clear();
  ended_told_ = true;
  tell(GenerationEnded{generation_});
}

void World::commit(Step step) {
  if (now_ < saves_fail_until_) return tell(CheckpointFailed{step});
  tell(CheckpointCommitted{step});
  // Only the two newest stay, and what recovery says that it could need.
  const std::vector<Step> needed = policy_.must_keep();
  while (stored_.size() > 2) {
    const auto old = std::find_if(stored_.begin(), std::prev(stored_.end(), 2), [&](Step it) {
      return std::ranges::find(needed, it) == needed.end();
    });
    if (old == std::prev(stored_.end(), 2)) break;
    stored_.erase(old);
  }
}

void World::all_exit(bool done) {
  for (const Node node : slots_) {
    tell(WorkerExited{
        .generation = generation_, .node = node, .rank = node, .done = done, .stopped = !done});
  }
  end_generation();
}

void World::train() {
  const int generation = generation_;
  if (saving_to_stop_) {
    commit(step_);
    return all_exit(false);
  }
  if (saving_) {
    const Step step = *std::exchange(saving_, std::nullopt);
    commit(step);
    if (generation != generation_ || stopping_ || regrouping_) return;
  }
  const Step step = step_ + 1;
  if (bad_step_ == step && !skipped_.contains(step)) {
    if (bad_once_) bad_step_.reset();
    hung_ = true;
    return tell(BadNumbers{generation_, Sick::not_finite, step, std::nullopt});
  }
  step_ = step;
  carriers_ = workers_;
  tell(Trained{generation_, step});
  if (stopping_) return;
  const bool high = spike_ && step >= *spike_ && !skipped_.contains(*spike_) &&
                    (spike_lasts_ || step < *spike_ + 3);
  if (high) {
    spike_told_ = spike_told_ || step > *spike_ + options_.settings.spike_heals;
    tell(BadNumbers{generation_, Sick::spike, step, std::nullopt});
  }
  if (generation != generation_ || stopping_ || regrouping_) return;
  if (step % 4 == 0) tell(CleanCheck{generation_, step});
  if (step % 5 == 0 && !saving_) saving_ = step;
  if (step < options_.last_step) return;
  tell(CheckpointCommitted{step});
  if (!stopping_) all_exit(true);
}

void World::fault(Fault kind, Node node) {
  if (over()) return;
  log_ += fmt::format("{:4}  (fault {} on node {})\n", now_, static_cast<int>(kind), node);
  const bool works = workers_.contains(node) && !stopping_ && !ended_told_;
  const bool trains = works && !hung_ && !regrouping_ && now_ >= ready_at_;
  switch (kind) {
    case Fault::worker_killed:
    case Fault::worker_error: {
      if (!works) return;
      workers_.erase(node);
      hung_ = true;
      WorkerExited exited{.generation = generation_, .node = node, .rank = node};
      (kind == Fault::worker_killed ? exited.signal : exited.code) = 9;
      return tell(exited);
    }
    case Fault::two_nodes_away:
      back_at_[(node + 1) % options_.nodes] = now_ + 4;
      lose((node + 1) % options_.nodes);
      [[fallthrough]];
    case Fault::node_away:
      back_at_[node] = now_ + 4;
      return lose(node);
    case Fault::node_lost:
      return lose(node);
    case Fault::hang:
    case Fault::hang_anywhere: {
      if (!trains) return;
      hung_ = true;
      const bool known = kind == Fault::hang;
      later_.push_back(
          {now_ + 2, Overdue{generation_, known ? std::vector{node} : std::vector<Node>()}});
      return;
    }
    default:
      return fault_of_numbers(kind, node, trains);
  }
}

void World::fault_of_numbers(Fault kind, Node node, bool trains) {
  switch (kind) {
    case Fault::slow:
      if (trains) tell(Slow{generation_, node, node, 1.5});
      return;
    case Fault::not_finite_once:
    case Fault::not_finite_always:
      if (bad_step_) return;
      bad_step_ = step_ + 1;
      bad_once_ = kind == Fault::not_finite_once;
      return;
    case Fault::spike_heals:
    case Fault::spike_lasts:
      if (spike_) return;
      spike_ = step_ + 1;
      spike_lasts_ = kind == Fault::spike_lasts;
      return;
    case Fault::mismatch:
      if (trains) tell(BadNumbers{generation_, Sick::mismatch, step_, node});
      return;
    case Fault::mismatch_somewhere:
      if (trains) tell(BadNumbers{generation_, Sick::mismatch, step_, std::nullopt});
      return;
    case Fault::preemption:
    case Fault::preemption_short: {
      if (!present_.contains(node)) return;
      const int notice = kind == Fault::preemption ? 6 : 1;
      leaves_at_[node] = now_ + notice;
      return tell(Preemption{node, Seconds::of(notice)});
    }
    case Fault::saves_fail:
      saves_fail_until_ = now_ + 8;
      return;
    case Fault::no_plan:
      no_plan_until_ = now_ + 8;
      return;
    case Fault::cannot_go_on:
      cannot_go_on_ = true;
      return;
    case Fault::old_news: {
      const int old = generation_ - 1;
      tell(Trained{old, 1000});
      tell(CleanCheck{old, 1000});
      tell(Overdue{old, {node}});
      tell(BadNumbers{old, Sick::mismatch, step_, node});
      tell(BadNumbers{old, Sick::not_finite, step_, node});
      tell(Slow{old, node, node, 2});
      tell(WentOn{old, step_});
      tell(CouldNotGoOn{old});
      return tell(GenerationEnded{old});
    }
    case Fault::supervisor_killed:
      return take_over();
    case Fault::supervisor_killed_before:
      orders_lost_ = true;
      return;
    default:
      return;
  }
}

}  // namespace celere::policy
