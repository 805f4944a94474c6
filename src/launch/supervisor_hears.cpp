// What agents and workers say, as events of the policy.
#include <fmt/format.h>

#include <algorithm>

#include "launch/hang.hpp"
#include "launch/supervisor.hpp"
#include "launch/worker_message.hpp"
#include "wire/worker_exit.hpp"

namespace celere::launch {
namespace {

const Seconds answers_apart = Seconds::of(0.3);
constexpr std::size_t seen_told_max = 64;  // the absent ones first: each has a stack

}  // namespace

void Supervisor::hear(const Hub::Heard& heard) {
  NodeKnown& known = nodes_[static_cast<std::size_t>(heard.node)];
  known.heard = world_.clock.now();
  if (!heard.message) return lost_connection(heard.node);
  const wire::AgentMessage& message = *heard.message;
  if (const auto* hello = std::get_if<wire::AgentHello>(&message)) return hear(heard.node, *hello);
  if (const auto* said = std::get_if<wire::WorkerSaid>(&message)) return hear(heard.node, *said);
  if (const auto* ended = std::get_if<wire::WorkerEnded>(&message)) return hear(heard.node, *ended);
  if (const auto* seen = std::get_if<wire::RankSeen>(&message)) return hear(*seen);
  if (const auto* beat = std::get_if<wire::AgentBeat>(&message)) {
    if (beat->generation != roster_.generation()) return;
    roster_.beat(*beat, known.heard);
    watch_.beat(*beat, known.heard);
  }
  if (const auto* leaving = std::get_if<wire::AgentLeaving>(&message)) {
    journal_.tell("preemption",
                  {{"node", std::int64_t{heard.node}}, {"notice_s", leaving->notice_s}});
    feed(policy::Preemption{heard.node, Seconds::of(leaving->notice_s)});
  }
  if (const auto* cleared = std::get_if<wire::WorkersCleared>(&message)) {
    if (cleared->generation > roster_.generation()) return;
    // After a Regroup a node that was left out may say so of the number before.
    const bool left_out = roster_.ranks_of(heard.node).empty();
    if (cleared->generation == roster_.generation() || left_out) roster_.cleared(heard.node);
    if (roster_.take_all_gone()) feed(policy::GenerationEnded{roster_.generation()});
  }
}

// Workers that should be there and are not have died with an agent before this one.
void Supervisor::hear(int node, const wire::AgentHello& hello) {
  NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
  const bool had = known.joined && opened_;
  known.hello = hello;
  known.lost.reset();
  if (!opened_) {  // open() tells the policy, of all at once
    known.joined = true;
    return journal_.tell(
        "node_joined",
        {{"node", std::int64_t{node}}, {"host", hello.host}, {"generation", hello.generation}});
  }
  const bool expected = roster_.occupied().contains(node);
  const wire::Ranks ranks = roster_.ranks_of(node);
  const bool whole = hello.generation == roster_.generation() && hello.ranks == ranks;
  if (had && expected && !whole) gone(node, "its agent was started anew");
  if (!expected && hello.generation != 0) {
    hub_.send(node, wire::HaltWorkers{hello.generation, false});
  }
  if (known.joined) return;
  known.joined = true;
  journal_.tell("node_joined", {{"node", std::int64_t{node}}, {"host", hello.host}});
  feed(policy::NodeJoined{node});
}

void Supervisor::lost_connection(int node) {
  NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
  if (known.joined) known.lost = world_.clock.now();
}

void Supervisor::hear(int node, const wire::WorkerSaid& said) {
  if (said.generation != roster_.generation()) return;
  const Result<WorkerMessage> message = parse_worker_message(said.line);
  if (!message.ok()) {
    return journal_.tell("worker_babbled", {{"rank", said.rank}, {"line", said.line}});
  }
  if (const auto* event = std::get_if<wire::Event>(&message->what)) {
    return hear_event(node, said.rank, *event);
  }
  const auto& step = std::get<wire::StepMetrics>(message->what);
  const Instant now = world_.clock.now();
  watch_.stepped(step, now);
  last_metrics_ = step;
  journal_.say_line(said.line);
  const bool regrouping = policy_.phase() == policy::Phase::regrouping;
  // Workers get their new number before they have regrouped: this step was done with the old one.
  if (regrouping && !regroup_taken_over_) {
    best_step_ = std::max(best_step_, step.step);
    return;
  }
  if (failed_at_ && failed_generation_ < roster_.generation()) {
    ++restarts_;
    lost_steps_ += std::max<std::int64_t>(0, best_step_ - step.step + 1);
    journal_.tell("recovered",
                  {{"generation", std::int64_t{roster_.generation()}},
                   {"step", step.step},
                   {"time_s", (now - *failed_at_).in_base()},
                   {"steps_again", std::max<std::int64_t>(0, best_step_ - step.step + 1)}});
    failed_at_.reset();
  }
  best_step_ = std::max(best_step_, step.step);
  hang_.reset();
  if (regrouping) {
    // It was said to a supervisor that died before it could write it down.
    regroup_until_.reset();
    feed(policy::WentOn{roster_.generation(), step.step - 1});
  }
  feed(policy::Trained{roster_.generation(), step.step});
  if (const std::optional<policy::Step> spike = watch_.take_spike()) {
    journal_.tell("loss_spike", {{"step", *spike}, {"loss", step.loss.value_or(0)}});
    feed(policy::BadNumbers{roster_.generation(), policy::Sick::spike, *spike, {}});
  }
}

void Supervisor::hear_event(int node, std::int64_t rank, const wire::Event& event) {
  const policy::Step step = number_of(event, "step").value_or(0);
  const int generation = roster_.generation();
  const bool commits = event.event == "checkpoint_saved";
  if (rank == 0 || event.event == "mismatch") journal_.pass_on(event, commits);
  if (event.event == "started") {
    total_steps_ = number_of(event, "total_steps").value_or(0);
    said_layout_ = text_of(event, "layout");
  }
  if (commits) committed_at_ = world_.clock.now();
  if (commits) feed(policy::CheckpointCommitted{step});
  if (event.event == "checkpoint_failed") feed(policy::CheckpointFailed{step});
  if (event.event == "check_clean") feed(policy::CleanCheck{generation, step});
  if (event.event == "not_finite") {
    failed();
    feed(policy::BadNumbers{generation, policy::Sick::not_finite, step, {}});
  }
  if (event.event == "mismatch") {
    failed();
    // Two copies cannot tell which of them is wrong: then nobody is blamed.
    const bool sure = is_true(event, "sure");
    const std::int64_t whose = number_of(event, "rank").value_or(rank);
    std::optional<policy::Node> blamed;
    if (sure) blamed = roster_.node_of(whose).value_or(node);
    feed(policy::BadNumbers{generation, policy::Sick::mismatch, step, blamed});
  }
  // (A worker may say so of a generation that has given way to the next one since.)
  const bool of_this = number_of(event, "generation") == generation;
  if (event.event == "went_on" && of_this) {
    regroup_until_.reset();
    feed(policy::WentOn{generation, step});
  }
  if (event.event == "could_not_go_on" && of_this) {
    regroup_until_.reset();
    feed(policy::CouldNotGoOn{generation});
  }
}

void Supervisor::hear(int node, const wire::WorkerEnded& ended) {
  if (ended.generation != roster_.generation() || !roster_.ended(ended.rank)) return;
  policy::WorkerExited exited{.generation = static_cast<int>(ended.generation),
                              .node = node,
                              .rank = static_cast<int>(ended.rank),
                              .code = {},
                              .signal = {}};
  if (ended.code) exited.code = static_cast<int>(*ended.code);
  if (ended.signal) exited.signal = static_cast<int>(*ended.signal);
  exited.done = ended.code == wire::worker_done;
  exited.stopped = ended.code == wire::worker_stopped;
  const bool fine = exited.done || exited.stopped;
  if (!fine && policy_.phase() == policy::Phase::training) {
    failed();
    std::vector<wire::EventField> fields = {{"generation", ended.generation},
                                            {"rank", ended.rank},
                                            {"node", std::int64_t{node}},
                                            {"step", best_step_}};
    if (ended.code) fields.emplace_back("code", *ended.code);
    if (ended.signal) fields.emplace_back("signal", *ended.signal);
    if (!ended.errors.empty()) fields.emplace_back("errors", ended.errors);
    journal_.tell("worker_ended", std::move(fields));
    if (first_errors_.empty()) first_errors_ = ended.errors;
  }
  feed(exited);
}

void Supervisor::hear(const wire::RankSeen& seen) {
  if (!hang_ || seen.generation != roster_.generation()) return;
  hang_->seen.push_back(seen);
  // Of a hundred thousand the answers take their time: while they come, and no longer.
  const bool all = std::ssize(hang_->seen) >= std::ssize(roster_.ranks());
  const Instant now = world_.clock.now();
  hang_->until = all ? now : std::max(hang_->until, now + answers_apart);
}

// Says who did not arrive, at what, and what each was doing.
void Supervisor::judge_hang() {
  std::vector<wire::RankSeen> seen = std::exchange(hang_->seen, {});
  hang_.reset();
  const Instant now = world_.clock.now();
  const Absent absent = absent_of(seen, roster_.layout().ranks());
  journal_.tell("hang", {{"generation", std::int64_t{roster_.generation()}},
                         {"behind_step", best_step_},
                         {"waited_s", watch_.waited(now).in_base()},
                         {"absent_ranks", absent.text},
                         {"collective", absent.collective}});
  std::stable_partition(seen.begin(), seen.end(), [&](const wire::RankSeen& rank) {
    return std::binary_search(absent.ranks.begin(), absent.ranks.end(), rank.rank);
  });
  if (seen.size() > seen_told_max) seen.resize(seen_told_max);
  for (const wire::RankSeen& rank : seen) {
    journal_.tell("rank_seen", {{"rank", rank.rank},
                                {"process", rank.process},
                                {"state", rank.state},
                                {"phase", rank.phase},
                                {"step", rank.step},
                                {"collective", written(rank.collective)},
                                {"stack", rank.stack}});
  }
  std::vector<policy::Node> nodes;
  for (const std::int64_t rank : absent.ranks) {
    nodes.push_back(roster_.ranks()[static_cast<std::size_t>(rank)].node);
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  failed();
  watch_.rest(now);
  feed(policy::Overdue{roster_.generation(), nodes});
}

}  // namespace celere::launch
