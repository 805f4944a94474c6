// Which checkpoints stay.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

struct Kept {
  int last = 3;            // at least 1
  std::int64_t every = 0;  // steps that this divides; 0: none
};

// Removes older checkpoints than the last `kept.last` good ones up to `step`, which was just saved.
// Those of later steps belong to another branch of the training and stay; so does what does not
// verify, and it does not count. Errors: io.
Status keep_only(Storage& storage, const std::string& checkpoints, std::int64_t step, Kept kept);

}  // namespace celere::checkpoint
