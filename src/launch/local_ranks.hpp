// The ranks of one training on this machine: starts them, hears the first, and ends all when one
// dies, with the error of the one that died first. No more than that: nothing is started again.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "launch/worker_message.hpp"
#include "launch/worker_process.hpp"

namespace celere::launch {

struct LocalRanks {
  int count = 1;
  int threads = 0;                     // of each; 0: the cores shared out
  std::vector<std::string> arguments;  // of the worker, beside rank and meeting
};

// How a training ended, by the rank that counts: the first that ended otherwise than well, or rank
// 0.
struct RanksEnded {
  int rank = 0;
  Ending ending;
  std::string errors;  // what it said on its standard error
};

// The world that ranks are started in.
struct LaunchWorld {
  Processes& processes;
  const Files& files;
  Clock& clock;
};

// Until all have ended. Rank 0's messages go to `hear`. When `interrupts` becomes one all are asked
// to stop, saved; when it becomes two they are killed. Errors: not_found, io, where one does not
// start; corrupt, where rank 0 says what is no message.
Result<RanksEnded> run_ranks(const LaunchWorld& world, const LocalRanks& ranks,
                             const std::atomic<int>& interrupts,
                             const std::function<void(const WorkerMessage&)>& hear);

}  // namespace celere::launch
