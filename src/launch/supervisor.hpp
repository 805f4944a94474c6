// The supervisor of one training: hears its agents, tells policy/ what happened, carries out what
// that decides, and writes both down.
//
//   agents --beats, lines, endings--> supervisor --events--> policy::Recovery
//   agents <--orders-- supervisor <--actions--
//
// A decision is in events.jsonl, and the policy's memory behind it in recovery.json (which names
// every node, and would drown the log), before it is carried out. A supervisor that is started
// where another one died reads it there, takes a higher epoch, hears from the agents what lives,
// and goes on; workers never notice. One run has one supervisor: it holds the run's lock.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "checkpoint/storage.hpp"
#include "launch/hub.hpp"
#include "launch/job.hpp"
#include "launch/journal.hpp"
#include "launch/local_nodes.hpp"
#include "launch/roster.hpp"
#include "launch/run_presence.hpp"
#include "launch/told_lines.hpp"
#include "launch/watch.hpp"
#include "policy/recovery.hpp"
#include "spec/scenario.hpp"
#include "wire/run_directory.hpp"
#include "wire/status.hpp"

namespace celere::launch {

struct SupervisorWorld {
  Processes& processes;
  Files& files;
  checkpoint::Storage& storage;
  Clock& clock;
  LocalNodes* local;  // nothing: agents are started by someone else (Slurm)
};

enum class Ended { done, stopped, gave_up };

class FaultMaker;

class Supervisor {
 public:
  // Takes the place of whoever supervised this run before. Errors: io, corrupt.
  static Result<std::unique_ptr<Supervisor>> make(const SupervisorWorld& world, Job job,
                                                  const wire::Secret& secret,
                                                  const wire::Address& address, Journal::Say say);
  ~Supervisor();

  // Until the training is done, was stopped, or is given up. `interrupts`: how often it was asked
  // to stop: once it saves first, twice it kills.
  Ended run(const std::atomic<int>& interrupts);
  // Does faults on purpose, from now on.
  void add_faults(std::unique_ptr<FaultMaker> faults);

  // For who does faults.
  const Roster& roster() const { return roster_; }
  const Job& job() const { return job_; }
  SupervisorWorld& world() { return world_; }
  Hub& hub() { return hub_; }
  Journal& journal() { return journal_; }
  void feed(const policy::Event& event);

 private:
  Supervisor(const SupervisorWorld& world, Job job, Hub hub, Journal journal,
             policy::Recovery policy, std::int64_t epoch);

  void open();
  bool awaits_agents() const;
  void hear(const Hub::Heard& heard);
  void hear(int node, const wire::AgentHello& hello);
  void hear(int node, const wire::WorkerSaid& said);
  void hear(int node, const wire::WorkerEnded& ended);
  void hear(const wire::RankSeen& seen);
  void hear_event(int node, std::int64_t rank, const wire::Event& event);
  void lost_connection(int node);
  void gone(int node, const std::string& why);
  void failed();
  void look_after();
  void look_at_nodes();
  void allow_for_sleep(Seconds slept);
  void judge_hang();

  void carry_out_all(const std::vector<policy::Action>& actions);
  void remember();
  void carry_out(const policy::Action& action);
  void carry_out(const policy::Start& start);
  void carry_out(const policy::Regroup& regroup);
  void carry_out(const policy::Stop& stop);
  void carry_out(const policy::StopSaved& stop);
  void carry_out(const policy::SaveNow& save);
  void carry_out(const policy::Replan& replan);
  void end(Ended how, const std::string& why);
  void end_without_directory();
  wire::StartWorkers order_of(int slot, const policy::Start& start, bool joining) const;
  std::string meeting() const;
  void remove_meetings();
  layout::Layout present_layout() const;
  std::string layout_argument() const;
  Family family_of(const policy::Shape& shape) const;
  enum class Alive { none, some, all };
  Alive alive(int generation) const;
  void write_status();
  std::vector<wire::NodeStatus> status_of_nodes(Instant now) const;
  std::vector<wire::RankStatus> status_of_ranks() const;

  struct NodeKnown {
    std::optional<wire::AgentHello> hello;
    Instant heard{};
    bool joined = false;
    std::optional<Instant> lost;  // its connection, and nothing is known of its workers
  };

  SupervisorWorld world_;
  Job job_;
  Hub hub_;
  Journal journal_;
  policy::Recovery policy_;
  std::int64_t epoch_;
  Roster roster_;
  Watch watch_;
  RunPresence run_;
  std::unique_ptr<FaultMaker> faults_;
  std::vector<NodeKnown> nodes_;
  policy::Start starts_;      // the last that was carried out
  std::string said_layout_;   // by the workers, who choose the micro-batch
  std::string first_errors_;  // of the generation
  std::vector<policy::Event> waiting_;
  ToldLines told_;
  std::optional<std::int64_t> memory_;  // the hash of the memory it goes on from
  bool feeding_ = false, opened_ = false;
  std::vector<policy::Step> kept_;
  Family present_, planned_;  // of the present generation; of the next that is resized
  bool unwritten_ = false;    // the policy's memory has changed since it was written
  std::optional<Ended> ended_;
  struct Hang {
    Instant until{};
    std::vector<wire::RankSeen> seen;
  };
  std::optional<Hang> hang_;
  std::optional<Instant> regroup_until_;
  bool regroup_taken_over_ = false;   // it was ordered before us, and its end perhaps said
  std::optional<Instant> failed_at_;  // since when no step is done, after a failure
  int failed_generation_ = 0;
  policy::Step best_step_ = 0;
  Instant status_at_{}, looked_at_{};
  std::optional<Instant> committed_at_;
  std::int64_t total_steps_ = 0, restarts_ = 0, lost_steps_ = 0;
  wire::StepMetrics last_metrics_;
};

}  // namespace celere::launch
