// One training, as one of its ranks does it, from where the last good checkpoint left it to its
// end:
//
//   for each step: batch (made ahead), for each micro-batch forward and backward, clip, update
//                  (nn/training_step.hpp has what the ranks do together), a line of metrics
//   now and then:  validation, a checkpoint (in the background)
//
// The loss of a step is the mean over all predictions that count in the global batch, whatever the
// micro-batches. Everything that decides the weights (samples, rates, seeds) is a function of the
// step, so a training that stops anywhere and goes on ends with the same bits. When to stop and to
// save the ranks decide together, behind each step.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "checkpoint/peers.hpp"
#include "checkpoint/reader.hpp"
#include "checkpoint/storage.hpp"
#include "checkpoint/writer.hpp"
#include "nn/mesh.hpp"
#include "nn/optimizer.hpp"
#include "nn/training_step.hpp"
#include "nn/watch.hpp"
#include "tokens/dataset.hpp"
#include "train/carried.hpp"
#include "train/feeder.hpp"
#include "train/orders.hpp"
#include "train/recorder.hpp"
#include "train/setup.hpp"
#include "train/step_hooks.hpp"
#include "wire/flight_record.hpp"
#include "wire/run_directory.hpp"

namespace celere::train {

// The world that a training works in. All of it must outlive the trainer.
struct World {
  const nn::Mesh& mesh;  // of the setup's layout
  checkpoint::Peers& peers;
  Files& files;
  checkpoint::Storage& storage;
  const Clock& clock;
  Recorder& recorder;  // silent on all ranks but one
  // Where the training is supervised; nothing: it is not.
  wire::FlightRecord* flight = nullptr;
  nn::Watch* watch = nullptr;  // of the mesh's collectives
  Orders* orders = nullptr;
  StepHooks* hooks = nullptr;
};

struct TrainerOptions {
  wire::RunDirectory directory;
  std::string corpus;            // its folder
  std::int64_t stop_after = -1;  // stop, saved, when so many steps are done; -1: at the end
  // Begin with the newest good checkpoint of at most so many steps: later ones are not trusted.
  std::optional<std::int64_t> from_step = {};
  // Steps (from 1) whose samples are consumed and not trained on.
  std::set<std::int64_t> skipped = {};
  int generation = 0;
  // Copies of checkpoints in the memory of nodes (checkpoint/memory.hpp); no folder: none.
  checkpoint::MemoryOptions memory = {};
};

enum class Ended {
  done,        // all steps
  stopped,     // asked to, after a whole step; saved
  not_finite,  // a loss or gradient that is no number: nothing was saved after it
  mismatch,    // a check found numbers that should be equal and are not: nothing was saved after it
  regroup,     // the ranks form a new generation, which goes on from here
};

struct Outcome {
  Ended ended = Ended::done;
  std::int64_t steps = 0;    // done, over all starts
  std::string message = {};  // of not_finite and mismatch: the step, and where
  bool asked = false;        // of stopped: by `stop`, not by stop_after
};

class Trainer {
 public:
  // Loads the newest good checkpoint, where there is one. Errors: those of the corpus and of the
  // checkpoints; bad_input where the corpus does not fit the model.
  static Result<std::unique_ptr<Trainer>> make(Setup setup, TrainerOptions options, World world);
  // Goes on where the generation before left off, with what this rank took along from it, or (a
  // rank that joins) with what others did. Errors: also where the ranks' states do not fit
  // together.
  static Result<std::unique_ptr<Trainer>> go_on(Setup setup, TrainerOptions options, World world,
                                                const std::optional<Carried>& carried);
  ~Trainer();

  // `stop` may be set at any time on any rank; the step that runs is finished. Errors: io, where
  // the last checkpoint could not be written, or another rank is gone.
  Result<Outcome> run(const std::atomic<bool>& stop);

  // What the next generation needs of this one, whether run() ended well or in an error. Valid
  // without the trainer.
  Carried carried() const;

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

  static Result<std::unique_ptr<Trainer>> blank(Setup setup, TrainerOptions options, World world);
  Result<checkpoint::Newest> newest();
  Status resume();
  Status adopt(const std::optional<Carried>& carried);
  Status open_writer();
  // Nothing where a number is not finite, which `message` then tells.
  Result<std::optional<StepResult>> train_step(const GlobalBatch& batch, std::string& message);
  std::string not_finite(const GlobalBatch& batch, const nn::StepLoss& loss) const;
  std::string bad_gradient(const GlobalBatch& batch) const;
  // Predictions that count, over all replicas.
  Result<double> counted_of(const GlobalBatch& batch) const;
  Result<double> validation_loss();
  bool save_due(Instant now) const;
  // On all ranks.
  Result<bool> weights_are_finite() const;
  struct Wishes {
    bool stop = false, save = false;
    bool regroup = false;  // all ranks know of it
  };
  // What any rank wishes, or of saving the first.
  Result<Wishes> agree(bool stop, bool save) const;
  struct Until {
    const std::atomic<bool>& stop;
    std::int64_t end;
  };
  // A step and what follows it; nothing where the training cannot go on so, and `bad` says why.
  // Weights that are not finite are not saved, nor those that a check found to be wrong.
  Result<std::optional<Wishes>> advance(Feeder& feeder, const Until& until, Outcome& bad);
  Result<std::optional<Wishes>> behind_step(const Until& until, wire::StepMetrics* metrics,
                                            Outcome& bad);
  void skip_batch(const GlobalBatch& batch);
  // False, and `bad` filled, where something differs, or a weight is not a number; that is said.
  Result<bool> check(const GlobalBatch& batch, Outcome& bad);
  Result<bool> save_if_finite(Outcome& bad);
  Result<Outcome> ended_badly(Outcome bad);
  void phase(wire::RankPhase phase) const;
  Seconds computed() const;
  void tell_start();
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
  BatchCut cut_;
  nn::Parameters parameters_;
  nn::TrainingStep training_step_;
  nn::Optimizer optimizer_;
  tokens::Cursor cursor_;
  std::unique_ptr<checkpoint::CheckpointWriter> writer_;
  std::int64_t step_ = 0;        // done
  bool intact_ = true;           // no update was left half-way
  Seconds computed_{};           // in the last step
  std::int64_t saved_step_ = 0;  // of the last save that began
  std::int64_t reported_step_ = 0;
  Seconds time_before_{};  // of earlier starts
  Instant begin_{};
  Instant saved_at_{};
  std::int64_t validate_every_ = 1;
  mutable double speed_ = 0;  // tokens/s, smoothed
};

}  // namespace celere::train
