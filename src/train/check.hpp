// Looks for numbers that went wrong without a word: a processor or memory that computes falsely
// leaves no other trace [Dixit et al. 2021, "Silent data corruptions at scale"].
//
//   repeat     one micro-batch, forward and backward, twice on every rank
//   replicas   what several ranks hold alike: weights, optimizer state
//
// Of either all bits must be the same: a step is a function of its inputs to the bit
// (train/trainer.hpp), so any difference is a fault. Who is wrong: in a repeat, the rank that
// differs from itself; where ranks pass activations to each other (tp, cp, ep, pp), all that such a
// rank touched differ with it, and each is named as a candidate. Of three or more copies, those
// that differ from the most; of two, none can be told.
//
// Leaves out: what happened and was overwritten between two checks; a fault that makes the same
// error twice in a repeat and has no copy to be held against; what is sent (a sum that arrived
// wrong on all ranks alike).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "nn/optimizer.hpp"
#include "nn/training_step.hpp"

namespace celere::train {

struct Mismatch {
  int rank = 0;
  std::string kind;   // "repeat" or "replicas"
  bool sure = false;  // else it is one of several candidates
  std::string detail;
};

// Both are called by all ranks and give all of them the same. Every rank's hashes go to all: a few
// for each layer. Errors: io, where one is gone.

// REQUIRES: as many micro-batches as the schedule takes at once.
Result<std::vector<Mismatch>> check_repeat(nn::TrainingStep& step,
                                           std::span<const nn::Batch> micro_batches,
                                           const nn::Mesh& mesh);
Result<std::vector<Mismatch>> check_replicas(const nn::Parameters& parameters,
                                             const nn::Optimizer& optimizer, int layers);

// What one rank says of one thing that it holds.
struct Claim {
  int rank = 0;
  std::uint64_t thing = 0;  // ranks that hold the same say the same
  std::uint64_t hash = 0;   // of its bits
  int unit = 0;             // BucketKind::unit
  bool is_state = false;    // else weights
};
// Who must be wrong, of a model of so many layers. At most one mismatch a rank.
std::vector<Mismatch> judge(std::vector<Claim> claims, int layers);

}  // namespace celere::train
