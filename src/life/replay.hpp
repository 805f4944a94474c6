// A real training, done again from its run directory: that recovery decides the same
// (replay_decisions.hpp), and that a simulated life takes the same course (replay_life.hpp).
#pragma once

#include "base/files.hpp"
#include "life/replay_decisions.hpp"
#include "life/replay_life.hpp"
#include "wire/run_directory.hpp"

namespace celere::life {

struct Replayed {
  DecisionReplay decisions;
  LifeReplay life;
};

// On the times of the machine that are measured in its own log. Errors: those of its parts;
// not_found, io.
Result<Replayed> replay(const Files& files, const wire::RunDirectory& directory);

// The life alone, on those that are measured in the logs of others on that machine.
Result<LifeReplay> replay_life(const Files& files, const wire::RunDirectory& directory,
                               const std::vector<wire::RunDirectory>& times_from);

}  // namespace celere::life
