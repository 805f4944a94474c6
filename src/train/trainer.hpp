// One training, from where its last good checkpoint left it to its end:
//
//   for each step: batch (made ahead), for each micro-batch forward and backward, clip, update
//   now and then: validation, a checkpoint (in the background), and after each step a line of
//   metrics
//
// The loss of a step is the mean over all predictions that count in the global batch, whatever the
// micro-batches. Everything that decides the weights (samples, rates, seeds) is a function of the
// step, so a training that stops anywhere and goes on ends with the same bits.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "checkpoint/storage.hpp"
#include "checkpoint/writer.hpp"
#include "nn/decoder.hpp"
#include "nn/optimizer.hpp"
#include "tokens/dataset.hpp"
#include "train/feeder.hpp"
#include "train/recorder.hpp"
#include "train/setup.hpp"
#include "wire/run_directory.hpp"

namespace celere::train {

// The world that a training works in. All of it must outlive the trainer.
struct World {
  Files& files;
  checkpoint::Storage& storage;
  const Clock& clock;
  Recorder& recorder;
};

struct TrainerOptions {
  wire::RunDirectory directory;
  std::string corpus;            // its folder
  std::int64_t stop_after = -1;  // stop, saved, when so many steps are done; -1: at the end
};

enum class Ended {
  done,        // all steps
  stopped,     // asked to, after a whole step; saved
  not_finite,  // a loss or gradient that is no number: nothing was saved after it
};

struct Outcome {
  Ended ended = Ended::done;
  std::int64_t steps = 0;  // done, over all starts
  std::string message;     // of not_finite: the step, the batch and the layer
};

class Trainer {
 public:
  // Loads the newest good checkpoint, where there is one. Errors: those of the corpus and of the
  // checkpoints; bad_input where the corpus does not fit the model.
  static Result<std::unique_ptr<Trainer>> make(Setup setup, TrainerOptions options, World world);
  ~Trainer();

  // `stop` may be set at any time; the step that runs is finished. Errors: io, where the last
  // checkpoint could not be written.
  Result<Outcome> run(const std::atomic<bool>& stop);

  std::int64_t steps_done() const { return step_; }
  const nn::Parameters& parameters() const { return parameters_; }

 private:
  struct StepResult {
    double loss = 0;
    std::optional<double> balance;
    double gradient_norm = 0;
    double rate_factor = 0;
  };
  Trainer(Setup setup, TrainerOptions options, World world, const nn::kernels::Table* table,
          tokens::Dataset training, std::optional<tokens::Dataset> validation);

  Status resume();
  Status open_writer();
  // Nothing where a number is not finite, which `message` then tells.
  std::optional<StepResult> train_step(const GlobalBatch& batch, std::string& message);
  std::string not_finite(const GlobalBatch& batch, std::size_t micro_batch) const;
  std::string bad_gradient(const GlobalBatch& batch) const;
  double validation_loss() const;
  bool save_due(Instant now) const;
  Status save();
  void report_save();
  wire::StepMetrics metrics_of(const StepResult& result, const GlobalBatch& batch, Seconds step,
                               Seconds data) const;

  Setup setup_;
  TrainerOptions options_;
  World world_;
  const nn::kernels::Table* table_;
  tokens::Dataset training_;
  std::optional<tokens::Dataset> validation_;
  nn::Parameters parameters_;
  nn::Decoder decoder_;
  nn::Optimizer optimizer_;
  tokens::Cursor cursor_;
  std::unique_ptr<checkpoint::CheckpointWriter> writer_;
  std::int64_t step_ = 0;        // done
  std::int64_t saved_step_ = 0;  // of the last save that began
  std::int64_t reported_step_ = 0;
  Seconds time_before_{};  // of earlier starts
  Instant begin_{};
  Instant saved_at_{};
  mutable double speed_ = 0;  // tokens/s, smoothed
};

}  // namespace celere::train
