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

// The machine's times are measured in `times_from`, logs of other trainings on it; where there are
// none, in this one. Errors: those of its parts; not_found, io.
Result<Replayed> replay(const Files& files, const wire::RunDirectory& directory,
                        const std::vector<wire::RunDirectory>& times_from = {});

// Longer than real by this share (0.1), or shorter (-0.1): a number an interruption.
std::vector<double> errors_of(const LifeReplay& life);

}  // namespace celere::life
