// What agents and the supervisor of a run say to each other: one JSON object a message, which
// names its kind. Keys end in their unit. A message of an unknown kind, with an unknown key or
// without one of its keys is refused; only what is std::optional below may lack.
//
//   agent -> supervisor   hello, beat, said, ended, cleared, seen, leaving
//   supervisor -> agent   welcome, start, halt, tell, rename, look, signal, leave
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace celere::wire {

using Ranks = std::vector<std::int64_t>;

// The first of an agent, at every connection.
struct AgentHello {
  std::int64_t node = 0;
  std::string host;             // for people
  std::string address;          // where its ranks are reached
  std::int64_t epoch = 0;       // the highest of a supervisor that it has obeyed
  std::int64_t generation = 0;  // of the workers that live here; 0: none do
  Ranks ranks;                  // those
  friend bool operator==(const AgentHello&, const AgentHello&) = default;
};

// The collective that a rank is in.
struct InCollective {
  std::string group, kind;
  std::int64_t in_group = 0;  // the how-manieth of its group
  std::int64_t bytes = 0;
  double time_s = 0;  // since it was entered
  friend bool operator==(const InCollective&, const InCollective&) = default;
};
struct StepTime {
  std::int64_t step = 0;
  double compute_time_s = 0, whole_time_s = 0;
  friend bool operator==(const StepTime&, const StepTime&) = default;
};
struct RankBeat {
  std::int64_t rank = 0, process = 0, step = 0;
  std::string phase;
  double phase_time_s = 0;
  std::optional<InCollective> collective;
  std::vector<StepTime> steps;  // done since the beat before
  friend bool operator==(const RankBeat&, const RankBeat&) = default;
};
// Once a second, and whatever happens.
struct AgentBeat {
  std::int64_t generation = 0;
  std::vector<RankBeat> ranks;
  friend bool operator==(const AgentBeat&, const AgentBeat&) = default;
};

// A line of a worker's standard output (launch/worker_message.hpp).
struct WorkerSaid {
  std::int64_t generation = 0, rank = 0;
  std::string line;
  friend bool operator==(const WorkerSaid&, const WorkerSaid&) = default;
};
struct WorkerEnded {
  std::int64_t generation = 0, rank = 0;
  std::optional<std::int64_t> code, signal;  // one of them
  std::string errors;                        // the end of its standard error
  friend bool operator==(const WorkerEnded&, const WorkerEnded&) = default;
};
// No worker of the generation lives here any more.
struct WorkersCleared {
  std::int64_t generation = 0;
  friend bool operator==(const WorkersCleared&, const WorkersCleared&) = default;
};
// The answer to AgentLook, of one rank.
struct RankSeen {
  std::int64_t generation = 0, rank = 0, process = 0, step = 0;
  std::string state;  // of the process: "running", "sleeping", "stopped", "gone", ...
  std::string phase;
  std::optional<InCollective> collective;
  std::string stack;  // of its main thread; empty: it did not answer
  friend bool operator==(const RankSeen&, const RankSeen&) = default;
};
// The node will go: a notice of preemption, or its time is up.
struct AgentLeaving {
  double notice_s = 0;
  friend bool operator==(const AgentLeaving&, const AgentLeaving&) = default;
};

struct AgentWelcome {
  std::int64_t epoch = 0;
  friend bool operator==(const AgentWelcome&, const AgentWelcome&) = default;
};
struct StartWorkers {
  std::int64_t generation = 0;
  Ranks ranks;
  std::int64_t threads = 1;            // of each
  std::vector<std::string> arguments;  // of all; the agent adds what is of a rank and of itself
  bool memory = false;                 // copies of checkpoints are kept in the node's memory
  friend bool operator==(const StartWorkers&, const StartWorkers&) = default;
};
struct HaltWorkers {
  std::int64_t generation = 0;
  bool saved = false;  // ask them to save and end; else they are killed
  friend bool operator==(const HaltWorkers&, const HaltWorkers&) = default;
};
// An order to workers (wire/orders.hpp), as a line.
struct TellWorkers {
  std::int64_t generation = 0;
  Ranks ranks;
  std::string order;
  friend bool operator==(const TellWorkers&, const TellWorkers&) = default;
};
// The ranks that live are what they were, of another generation from now on.
struct RenameWorkers {
  std::int64_t from = 0, to = 0;
  Ranks ranks_from, ranks_to;
  friend bool operator==(const RenameWorkers&, const RenameWorkers&) = default;
};
struct AgentLook {
  std::int64_t generation = 0;
  friend bool operator==(const AgentLook&, const AgentLook&) = default;
};
struct SignalWorker {
  std::int64_t generation = 0, rank = 0, signal = 0;
  friend bool operator==(const SignalWorker&, const SignalWorker&) = default;
};
// The agent ends, and what it started with it.
struct AgentLeave {
  friend bool operator==(const AgentLeave&, const AgentLeave&) = default;
};

using AgentMessage = std::variant<AgentHello, AgentBeat, WorkerSaid, WorkerEnded, WorkersCleared,
                                  RankSeen, AgentLeaving, AgentWelcome, StartWorkers, HaltWorkers,
                                  TellWorkers, RenameWorkers, AgentLook, SignalWorker, AgentLeave>;

std::string written_json(const AgentMessage& message);
// Errors: corrupt, with the key.
Result<AgentMessage> parse_agent_message(std::string_view text);

}  // namespace celere::wire
