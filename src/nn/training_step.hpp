// Forward and backward passes of one step over all ranks: the micro-batches of this rank's replica
// go through the parts of the model that its stage has, in the order of layout/schedule.hpp; then
// every rank has the gradients of its shards, summed over all that have a part of them.
//
// One rank with one stage is the special case: forward and backward of each micro-batch in turn.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "nn/decoder.hpp"
#include "nn/units.hpp"

namespace celere::nn {

// Of the global batch, the same on all ranks.
struct StepLoss {
  double head = 0;
  double balance = 0;  // 0 where the model has none
  // Of each micro-batch, replica by replica: replica r's i-th at r * (its micro-batches) + i.
  std::vector<double> of_micro_batch;
};

class TrainingStep {
 public:
  // Micro-batches of up to `length_max` positions a sequence. The parameters (and their mesh) must
  // outlive it.
  TrainingStep(const spec::Model& model, Parameters& parameters, Types types,
               const kernels::Table* table, std::int64_t length_max);

  // Whole micro-batches of this replica: the ranks of cp and tp take their rows themselves.
  // Gradients are those of this step alone, and finished. Errors: io, where a rank is gone; the
  // training then ends.
  Result<StepLoss> run(std::span<const Batch> micro_batches, LossScale scale);
  // Losses without gradients.
  Result<StepLoss> losses(std::span<const Batch> micro_batches, LossScale scale);
  // Of the losses and gradients that this rank itself computes in one pass forward and backward,
  // before any sum over replicas: a checksum of all bits. Leaves nothing behind; all ranks call it.
  Result<std::string> fingerprint(std::span<const Batch> micro_batches, LossScale scale);

  // Called in each run(), and with true in each fingerprint(), when the gradients are zero and none
  // is computed yet.
  void when_zeroed(std::function<void(bool)> call) { when_zeroed_ = std::move(call); }

 private:
  struct Chunk {
    DecoderPart part;
    std::unique_ptr<Units> units;
    std::unique_ptr<Decoder> decoder;
  };
  struct Run;  // one of them
  Result<StepLoss> guarded(std::span<const Batch> micro_batches, LossScale scale, bool learns);
  void through(Run& run, std::span<const Batch> micro_batches, bool learns);
  StepLoss told(Run& run) const;

  const spec::Model model_;
  Parameters* parameters_;
  std::vector<Chunk> chunks_;  // of this rank
  std::function<void(bool)> when_zeroed_;
};

}  // namespace celere::nn
