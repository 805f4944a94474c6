// What a rank takes along from one generation of workers into the next, in its own memory: weights,
// optimizer state, and where the training stands. So a training goes on without a replica that was
// lost, and with one that joins, and no step is done twice or left out.
//
//   the ranks say where they stand  | all of them at one step, with whole weights? |
//   each keeps its own shards       | those that join get them from a rank that holds the same |
//
// A rank's shards must be the same under both layouts (replicas may be more or fewer; tp, pp, ep,
// ZeRO's shards stay), and of every shard one rank at least must have lived. Where that is not so
// the training goes back to a checkpoint, which loads under any layout.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "checkpoint/peers.hpp"
#include "nn/optimizer.hpp"
#include "nn/parameters.hpp"
#include "tokens/cursor.hpp"

namespace celere::train {

// Memory of a rank, and what it holds, in words that are equal where the content would be.
struct HeldTensor {
  std::string what;
  at::Tensor tensor;                         // the memory itself
  const nn::ProcessGroup* copies = nullptr;  // the ranks that hold the same; nothing, once carried
};
std::vector<HeldTensor> held_tensors(const nn::Parameters& parameters,
                                     const nn::Optimizer& optimizer);

struct Standing {
  std::int64_t step = 0;
  std::int64_t optimizer_steps = 0;
  tokens::Cursor cursor;
  Seconds time;  // that the training took so far
};

struct Carried {
  Standing standing;
  bool intact = true;  // no update was left half-way
  std::vector<HeldTensor> tensors;
};

// Fills `into` (of the new generation): from what this rank carries, or, where it carries nothing,
// from others. All ranks call it and get the same standing. Errors: unsupported, with the same
// reason on all ranks, where they cannot go on; io, where one is gone.
Result<Standing> adopt(const std::optional<Carried>& carried, const std::vector<HeldTensor>& into,
                       checkpoint::Peers& peers);

}  // namespace celere::train
