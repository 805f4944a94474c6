#include "launch/agent_ranks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "launch/stack_text.hpp"
#include "wire/orders.hpp"

namespace celere::launch {
namespace {

const Seconds stack_patience = Seconds::of(0.5);
constexpr std::size_t errors_max = 4000;  // bytes of a worker's last words

wire::InCollective in_collective(const wire::FlightEntry& entry, Instant now) {
  return {.group = entry.group,
          .kind = wire::name_of(entry.kind),
          .in_group = static_cast<std::int64_t>(entry.in_group),
          .bytes = entry.bytes,
          .time_s = (now - entry.entered).in_base()};
}

// The last that was entered and not left.
std::optional<wire::InCollective> waits_in(const wire::Flight& flight, Instant now) {
  for (auto entry = flight.entries.rbegin(); entry != flight.entries.rend(); ++entry) {
    if (!entry->left) return in_collective(*entry, now);
  }
  return std::nullopt;
}

std::string last_part(const std::string& text) {
  const std::string_view kept =
      std::string_view(text).substr(text.size() > errors_max ? text.size() - errors_max : 0);
  return std::string(kept.substr(0, kept.find_last_not_of('\n') + 1));
}

// The third field of /proc/PID/stat, behind the name in brackets.
std::string state_of(const Files& files, int process) {
  const Result<std::string> stat = files.read(fmt::format("/proc/{}/stat", process));
  if (!stat.ok()) return "gone";
  const std::size_t end = stat->rfind(')');
  if (end == std::string::npos || end + 2 >= stat->size()) return "unknown";
  switch ((*stat)[end + 2]) {
    case 'R':
      return "running";
    case 'S':
      return "sleeping";
    case 'D':
      return "waiting for a device";
    case 'T':
    case 't':
      return "stopped";
    case 'Z':
    case 'X':
      return "gone";
    default:
      return "unknown";
  }
}

}  // namespace

AgentRanks::AgentRanks(World world, std::string folder, Say say)
    : world_(world), folder_(std::move(folder)), say_(std::move(say)) {}

void AgentRanks::start(const wire::StartWorkers& order) {
  kill_all();
  for (const std::string& name : world_.files.list(folder_)) {
    if (name.starts_with("rank-")) (void)world_.files.remove(folder_ + "/" + name);
  }
  (void)world_.files.make_folder(folder_);
  generation_ = order.generation;
  ended_.clear();
  for (const std::int64_t number : order.ranks) start_one(order, number);
}

void AgentRanks::start_one(const wire::StartWorkers& order, std::int64_t number) {
  const std::string base = fmt::format("{}/rank-{}", folder_, number);
  WorkerCommand command;
  command.threads = static_cast<int>(order.threads);
  command.arguments = order.arguments;
  command.arguments.insert(command.arguments.end(),
                           {"--rank", std::to_string(number), "--flight", base + ".flight",
                            "--orders", base + ".orders", "--parent", std::to_string(::getpid())});
  if (order.memory) {
    command.arguments.insert(command.arguments.end(), {"--memory", folder_ + "/memory"});
  }
  Result<WorkerProcess> worker = WorkerProcess::start(world_.processes, world_.files, command);
  if (!worker.ok()) {
    say_(wire::WorkerEnded{order.generation, number, 2, {}, worker.error().text()});
    return;
  }
  Rank& rank = ranks_.emplace(number, *std::move(worker)).first->second;
  rank.flight_path = base + ".flight";
  rank.orders_path = base + ".orders";
}

AgentRanks::Rank* AgentRanks::find(std::int64_t generation, std::int64_t number) {
  const auto found = ranks_.find(number);
  return generation == generation_ && found != ranks_.end() ? &found->second : nullptr;
}

void AgentRanks::halt(const wire::HaltWorkers& order) {
  if (order.generation == generation_ && order.saved) {
    for (auto& [number, rank] : ranks_) rank.process.send(SIGTERM);
    return;
  }
  if (order.generation == generation_) kill_all();
  say_(wire::WorkersCleared{order.generation});
}

void AgentRanks::kill_all() {
  ranks_.clear();
}  // a process that still runs is killed with its group

void AgentRanks::tell(const wire::TellWorkers& order) {
  for (const std::int64_t number : order.ranks) {
    Rank* rank = find(order.generation, number);
    if (rank == nullptr || !flight_of(*rank)) continue;
    Result<wire::Order> line = wire::parse_order(order.order);
    if (!line.ok()) continue;
    line->number = ++rank->orders;
    (void)world_.files.append(rank->orders_path, written_json(*line) + "\n");
    rank->flight->order(rank->orders);
  }
}

void AgentRanks::rename(const wire::RenameWorkers& order) {
  if (order.from != generation_ || order.ranks_from.size() != order.ranks_to.size()) return;
  std::map<std::int64_t, Rank> renamed;
  std::map<std::int64_t, wire::WorkerEnded> ended;
  for (std::size_t i = 0; i < order.ranks_from.size(); ++i) {
    const std::int64_t from = order.ranks_from[i], to = order.ranks_to[i];
    if (const auto found = ranks_.find(from); found != ranks_.end()) {
      renamed.emplace(to, std::move(found->second));
    } else if (const auto over = ended_.find(from); over != ended_.end()) {
      ended.emplace(to, std::move(over->second));
    }
  }
  ranks_ = std::move(renamed);
  ended_ = std::move(ended);
  generation_ = order.to;
  for (auto& [number, one] : ended_) {
    one.generation = order.to;
    one.rank = number;
    say_(one);
  }
}

void AgentRanks::signal(const wire::SignalWorker& order) {
  if (Rank* rank = find(order.generation, order.rank)) {
    rank->process.send(static_cast<int>(order.signal));
  }
}

void AgentRanks::look(const wire::AgentLook& order) {
  if (order.generation != generation_) return;
  for (auto& [number, rank] : ranks_) {
    (void)world_.files.remove(rank.flight_path + ".stack");
    rank.asked = true;
    // A rank without a record has no handler yet: the signal would end it.
    if (flight_of(rank)) rank.process.send(SIGUSR1);
  }
  look_ends_ = world_.clock.now() + stack_patience;
}

std::optional<wire::Flight> AgentRanks::flight_of(Rank& rank) {
  if (!rank.flight) {
    Result<wire::FlightReader> reader = wire::FlightReader::open(rank.flight_path);
    if (!reader.ok()) return std::nullopt;  // not yet
    rank.flight = *std::move(reader);
  }
  return rank.flight->read();
}

wire::RankSeen AgentRanks::seen(std::int64_t number, Rank& rank) {
  wire::RankSeen out;
  out.generation = generation_;
  out.rank = number;
  out.process = rank.process.id();
  out.state = state_of(world_.files, rank.process.id());
  if (const std::optional<wire::Flight> flight = flight_of(rank)) {
    out.step = flight->pulse.step;
    out.phase = wire::name_of(flight->pulse.phase);
    out.collective = waits_in(*flight, world_.clock.now());
  }
  const Result<std::string> stack = world_.files.read(rank.flight_path + ".stack");
  if (stack.ok()) out.stack = readable_stack(*stack);
  return out;
}

void AgentRanks::hear(std::int64_t number, Rank& rank) {
  for (const std::string& line : rank.process.lines()) {
    say_(wire::WorkerSaid{generation_, number, line});
  }
}

void AgentRanks::work() {
  for (auto it = ranks_.begin(); it != ranks_.end();) {
    auto& [number, rank] = *it;
    const std::optional<Ending> ending = rank.process.ending();
    hear(number, rank);
    if (!ending) {
      ++it;
      continue;
    }
    wire::WorkerEnded ended{.generation = generation_,
                            .rank = number,
                            .code = {},
                            .signal = {},
                            .errors = last_part(rank.process.errors())};
    if (ending->code) ended.code = *ending->code;
    if (ending->signal) ended.signal = *ending->signal;
    it = ranks_.erase(it);
    ended_[ended.rank] = ended;
    say_(ended);
    if (ranks_.empty()) say_(wire::WorkersCleared{generation_});
  }
  if (look_ends_ && world_.clock.now() >= *look_ends_) {
    look_ends_.reset();
    for (auto& [number, rank] : ranks_) {
      if (std::exchange(rank.asked, false)) say_(seen(number, rank));
    }
  }
}

wire::AgentBeat AgentRanks::beat() {
  const Instant now = world_.clock.now();
  wire::AgentBeat beat{.generation = generation(), .ranks = {}};
  for (auto& [number, rank] : ranks_) {
    const std::optional<wire::Flight> flight = flight_of(rank);
    if (!flight) continue;
    wire::RankBeat one;
    one.rank = number;
    one.process = rank.process.id();
    one.step = flight->pulse.step;
    one.phase = wire::name_of(flight->pulse.phase);
    one.phase_time_s = (now - flight->pulse.since).in_base();
    one.collective = waits_in(*flight, now);
    for (const wire::FlightStep& step : flight->steps) {
      if (step.step <= rank.step_told) continue;
      one.steps.push_back({step.step, step.compute.in_base(), step.whole.in_base()});
      rank.step_told = step.step;
    }
    beat.ranks.push_back(std::move(one));
  }
  return beat;
}

wire::Ranks AgentRanks::alive() const {
  wire::Ranks out;
  for (const auto& [number, rank] : ranks_) out.push_back(number);
  return out;
}

}  // namespace celere::launch
