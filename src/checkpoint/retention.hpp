// Which checkpoints stay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

struct Kept {
  int last = 3;            // at least 1
  std::int64_t every = 0;  // steps that this divides; 0: none
};

// The steps whose checkpoints stay, whatever else is said: one a line in CHECKPOINTS/keep. A
// supervisor writes there what it may have to go back to. No file: none; errors: io, corrupt.
Result<std::vector<std::int64_t>> steps_to_keep(const Storage& storage,
                                                const std::string& checkpoints);
Status write_steps_to_keep(Files& files, const std::string& checkpoints,
                           const std::vector<std::int64_t>& steps);

// Removes older checkpoints than the last `kept.last` good ones up to `step`, which was just saved,
// but for steps_to_keep().
// Those of later steps belong to another branch of the training and stay; so does what does not
// verify, and it does not count. Errors: io.
Status keep_only(Storage& storage, const std::string& checkpoints, std::int64_t step, Kept kept);

}  // namespace celere::checkpoint
