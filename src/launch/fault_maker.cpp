#include "launch/fault_maker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "checkpoint/reader.hpp"
#include "launch/supervisor.hpp"
#include "wire/orders.hpp"

namespace celere::launch {
namespace {

using spec::FaultKind;

const Seconds for_good = Seconds::of(1e8);

// The wall time at which the first supervisor of this run began.
std::optional<Instant> begin_of(const std::vector<wire::Event>& events) {
  for (const wire::Event& event : events) {
    if (event.event != "supervisor_started") continue;
    if (const auto wall = number_of(event, "wall_ns")) return Instant{*wall};
  }
  return std::nullopt;
}

std::optional<wire::Fault> order_of(const spec::DueFault& due, const spec::Fault& fault) {
  switch (due.kind) {
    case FaultKind::slow: {
      wire::SlowFault slow{.factor = fault.factor, .steps = fault.lasts_steps, .time_s = {}};
      if (fault.lasts) slow.time_s = fault.lasts->in_base();
      if (!slow.steps && !slow.time_s) slow.steps = std::int64_t{1} << 40;
      return slow;
    }
    case FaultKind::flip_bit:
      return wire::FlipBitFault{.in_weight = false,
                                .which = static_cast<std::int64_t>(due.draw >> 1)};
    case FaultKind::nan:
      return wire::NanFault{};
    default:
      return std::nullopt;
  }
}

// One byte in the middle is changed, or the last third is gone.
bool damage(const std::string& path, bool truncate, std::uint64_t draw) {
  std::error_code problem;
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem || size == 0) return false;
  if (truncate) {
    std::filesystem::resize_file(path, size - size / 3, problem);
    return !problem;
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto at = static_cast<std::streamoff>(draw % size);
  file.seekg(at);
  const int byte = file.get();
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 0x10));
  return static_cast<bool>(file);
}

}  // namespace

Result<FaultMaker> FaultMaker::make(spec::FaultSchedule schedule, const Clock& clock,
                                    const std::vector<wire::Event>& events) {
  for (const spec::Fault& fault : schedule.scenario().faults) {
    if (fault.kind == FaultKind::spike) {
      return Error{
          ErrorCode::unsupported, fault.place + ": kind: a spike is made in simulations alone", {}};
    }
  }
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->event != "fault" && event->event != "fault_passed_over") continue;
    schedule.resume(numbers_of(*event, "given"));
    break;
  }
  return FaultMaker(std::move(schedule), begin_of(events).value_or(clock.wall()));
}

void FaultMaker::tell(Supervisor& supervisor, const spec::DueFault& due, const char* event) {
  const spec::Fault& fault = schedule_.fault_of(due);
  std::vector<wire::EventField> fields = {
      {"fault", std::string(spec::name_of(due.kind))},
      {"what", spec::told(due, fault)},
      {"number", due.number},
      {"step", step_},
      {"wall_ns", supervisor.world().clock.wall().nanoseconds},
      {"given", fmt::format("{}", fmt::join(schedule_.given(), ","))}};
  if (due.rank) fields.emplace_back("rank", std::int64_t{*due.rank});
  std::optional<int> node = due.node;
  if (!node && due.rank) node = supervisor.roster().node_of(*due.rank);
  if (node) fields.emplace_back("node", std::int64_t{*node});
  if (fault.nodes > 1) fields.emplace_back("nodes", std::int64_t{fault.nodes});
  if (due.kind == FaultKind::slow) fields.emplace_back("factor", fault.factor);
  if (fault.lasts) fields.emplace_back("for_s", fault.lasts->in_base());
  if (fault.lasts_steps) fields.emplace_back("for_steps", *fault.lasts_steps);
  if (due.kind == FaultKind::preempt) fields.emplace_back("notice_s", fault.notice.in_base());
  supervisor.journal().tell(event, std::move(fields), true);
}

bool FaultMaker::hit_rank(Supervisor& supervisor, const spec::DueFault& due) {
  const Roster& roster = supervisor.roster();
  const int rank = due.rank.value_or(0);
  if (rank >= std::ssize(roster.ranks())) return false;
  const RankKnown& known = roster.ranks()[static_cast<std::size_t>(rank)];
  if (!known.alive || !known.beat) return false;
  const spec::Fault& fault = schedule_.fault_of(due);
  const int generation = roster.generation();
  tell(supervisor, due, "fault");
  if (const std::optional<wire::Fault> order = order_of(due, fault)) {
    supervisor.hub().send(
        known.node, wire::TellWorkers{generation, {rank}, written_json(wire::Order{1, *order})});
    return true;
  }
  const int signal = due.kind == FaultKind::hang ? SIGSTOP : SIGKILL;
  supervisor.hub().send(known.node, wire::SignalWorker{generation, rank, signal});
  if (signal == SIGSTOP && fault.lasts) {
    hanging_.push_back({generation, rank, supervisor.world().clock.now() + *fault.lasts});
  }
  return true;
}

bool FaultMaker::hit_node(Supervisor& supervisor, const spec::DueFault& due) {
  LocalNodes* local = supervisor.world().local;
  const spec::Fault& fault = schedule_.fault_of(due);
  bool any = false;
  for (int i = 0; i < fault.nodes; ++i) {
    const int node = due.node.value_or(0) + i;
    if (local == nullptr || node >= supervisor.job().nodes || !local->lives(node)) continue;
    if (!any) tell(supervisor, due, "fault");
    any = true;
    const Seconds away = fault.lasts.value_or(for_good);
    if (due.kind == FaultKind::kill_agent) local->kill(node);
    if (due.kind == FaultKind::lose_node) local->lose(node, away);
    if (due.kind == FaultKind::preempt) {
      leaving_.push_back({node, supervisor.world().clock.now() + fault.notice, away});
      supervisor.feed(policy::Preemption{node, fault.notice});
    }
    if (due.kind == FaultKind::disk_full) {
      const wire::Ranks ranks = supervisor.roster().ranks_of(node);
      const wire::Order order{1, wire::Fault(wire::DiskFullFault{.saves = 1})};
      supervisor.hub().send(
          node, wire::TellWorkers{supervisor.roster().generation(), ranks, written_json(order)});
    }
  }
  return any;
}

// The shard of the rank in the newest checkpoint; of a rank that has none another's.
bool FaultMaker::hit_shard(Supervisor& supervisor, const spec::DueFault& due) {
  const checkpoint::Storage& storage = supervisor.world().storage;
  const auto committed = checkpoint::committed(storage, supervisor.job().directory.checkpoints());
  if (committed.empty()) return false;
  std::vector<std::string> shards;
  for (const std::string& name : storage.files().list(committed.front().folder)) {
    if (name.ends_with(".safetensors")) shards.push_back(name);
  }
  if (shards.empty()) return false;
  const std::string& shard = shards[static_cast<std::size_t>(due.rank.value_or(0)) % shards.size()];
  tell(supervisor, due, "fault");
  return damage(committed.front().folder + "/" + shard, due.kind == FaultKind::truncate_shard,
                due.draw);
}

bool FaultMaker::hit(Supervisor& supervisor, const spec::DueFault& due) {
  switch (due.kind) {
    case FaultKind::kill_supervisor:
      tell(supervisor, due, "fault");
      ::kill(::getpid(), SIGKILL);
      return true;
    case FaultKind::corrupt_shard:
    case FaultKind::truncate_shard:
      return hit_shard(supervisor, due);
    default:
      return spec::target_of(due.kind) == spec::FaultTarget::node ? hit_node(supervisor, due)
                                                                  : hit_rank(supervisor, due);
  }
}

void FaultMaker::end_those_due(Supervisor& supervisor) {
  const Instant now = supervisor.world().clock.now();
  std::erase_if(hanging_, [&](const Hanging& one) {
    if (now < one.until) return false;
    const Roster& roster = supervisor.roster();
    const auto node = roster.node_of(one.rank);
    if (node && one.generation == roster.generation()) {
      supervisor.hub().send(*node, wire::SignalWorker{one.generation, one.rank, SIGCONT});
    }
    return true;
  });
  std::erase_if(leaving_, [&](const Leaving& one) {
    if (now < one.at) return false;
    if (supervisor.world().local != nullptr) supervisor.world().local->lose(one.node, one.away);
    return true;
  });
}

void FaultMaker::work(Supervisor& supervisor, std::int64_t step) {
  step_ = step;
  end_those_due(supervisor);
  const Seconds now = supervisor.world().clock.wall() - begin_;
  for (const spec::DueFault& due : schedule_.due(now, step)) {
    if (!hit(supervisor, due)) tell(supervisor, due, "fault_passed_over");
  }
}

}  // namespace celere::launch
