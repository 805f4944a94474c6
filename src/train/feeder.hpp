// The batches of the steps to come, made in a thread while the present one is computed.
//
// A batch is a function of the samples that its step takes, so what was made ahead and never used
// (a stop, a change of the cursor) costs nothing and changes nothing.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "nn/batch.hpp"
#include "tokens/cursor.hpp"
#include "tokens/dataset.hpp"
#include "train/steps.hpp"

namespace celere::train {

// What of a step's samples a replica gets. Micro-batch i of replica r has the samples from
// (i replicas + r) micro_batch on. Of several replicas all have equally many whole micro-batches,
// in multiples of `turns`; where the samples end before, sequences fill up that do not count.
struct BatchCut {
  std::int64_t micro_batch = 1;  // sequences
  std::int64_t replicas = 1, replica = 0;
  std::int64_t turns = 1;
};

// Of one step, what one replica gets.
struct GlobalBatch {
  std::int64_t step = 0;
  StepSamples samples;
  std::vector<nn::Batch> micro_batches;
  std::int64_t counted = 0;  // predictions that count in the loss, over these micro-batches
};

// Samples [first, first + count) of the cursor's order.
GlobalBatch make_batch(const tokens::Dataset& dataset, const tokens::Cursor& cursor,
                       StepSamples samples, const BatchCut& cut, std::int64_t bigrams);

class Feeder {
 public:
  // Batches from `step` on. The dataset is cheap to copy.
  Feeder(tokens::Dataset dataset, tokens::Cursor cursor, Steps steps, std::int64_t step,
         const BatchCut& cut, std::int64_t bigrams);
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  GlobalBatch next();  // REQUIRES: a step is left

 private:
  void work();

  tokens::Dataset dataset_;
  tokens::Cursor cursor_;
  Steps steps_;
  std::int64_t step_;
  BatchCut cut_;
  std::int64_t bigrams_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<GlobalBatch> ready_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace celere::train
