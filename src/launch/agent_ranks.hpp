// The workers of one node, as its agent keeps them: started, heard, looked at, told, halted. One
// generation at a time; what a rank leaves behind while it works (its flight record, its orders)
// lies in a folder of the node's own.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "launch/worker_process.hpp"
#include "wire/agent_message.hpp"
#include "wire/flight_record.hpp"

namespace celere::launch {

class AgentRanks {
 public:
  using Say = std::function<void(const wire::AgentMessage&)>;
  struct World {
    Processes& processes;
    Files& files;
    const Clock& clock;
  };
  // `folder`: of this node alone.
  AgentRanks(World world, std::string folder, Say say);

  // Kills those of an earlier generation first. A worker that cannot be started is one that ended.
  void start(const wire::StartWorkers& order);
  void halt(const wire::HaltWorkers& order);
  void tell(const wire::TellWorkers& order);
  // One that has ended meanwhile is said to have ended once more, by its new name: who gave the
  // order may have passed over the old one.
  void rename(const wire::RenameWorkers& order);
  void signal(const wire::SignalWorker& order);
  // Asks each for its stack; the answers are said a little later, from work().
  void look(const wire::AgentLook& order);

  // What has happened since: lines, endings, answers. To be called often.
  void work();
  // What all ranks do, for a beat.
  wire::AgentBeat beat();

  std::int64_t generation() const { return ranks_.empty() ? 0 : generation_; }
  wire::Ranks alive() const;
  void kill_all();

 private:
  struct Rank {
    explicit Rank(WorkerProcess started) : process(std::move(started)) {}
    WorkerProcess process;
    std::string flight_path, orders_path;
    std::optional<wire::FlightReader> flight;
    std::uint64_t orders = 0;
    std::int64_t step_told = 0;
    bool asked = false;  // for its stack
  };
  Rank* find(std::int64_t generation, std::int64_t rank);
  void hear(std::int64_t number, Rank& rank);
  std::optional<wire::Flight> flight_of(Rank& rank);
  wire::RankSeen seen(std::int64_t number, Rank& rank);
  void start_one(const wire::StartWorkers& order, std::int64_t number);

  World world_;
  std::string folder_;
  Say say_;
  std::int64_t generation_ = 0;
  std::map<std::int64_t, Rank> ranks_;
  std::map<std::int64_t, wire::WorkerEnded> ended_;  // of this generation
  std::optional<Instant> look_ends_;
};

}  // namespace celere::launch
