// How the learning rate moves, and what the optimizers need: the [schedule] table of a run file.
#pragma once

#include <cstdint>

namespace celere::spec {

class TomlTable;

// After the warm-up: constant; down a half cosine; or constant and then linear over the last
// `decay` of the training ("warm-up, stable, decay"), each to `final_share` of the rate.
enum class Decay : std::uint8_t { constant, cosine, stable };

// A number of steps, or a share of the training.
struct StepsOrShare {
  std::int64_t steps = 0;
  double share = 0;
  std::int64_t of(std::int64_t total) const;  // steps, rounded
};

// "100 steps" or "2 %". Mistakes are noted in the table's document; `fallback` where absent.
StepsOrShare read_steps_or_share(const TomlTable& table, const char* key, StepsOrShare fallback);

struct Muon {  // of the matrices inside the layers
  double learning_rate = 0.02;
  double weight_decay = 0.1;
  double momentum = 0.95;
  int iterations = 5;  // of the polar decomposition
};

struct Schedule {
  Decay decay = Decay::cosine;
  double learning_rate = 3e-4;            // of AdamW
  double embedding_learning_rate = 3e-4;  // of embeddings and head; learning_rate where absent
  StepsOrShare warmup{.steps = 100};
  StepsOrShare decay_over{.share = 0.2};  // of Decay::stable
  double final_share = 0.1;
  double weight_decay = 0.1;  // of AdamW, on matrices only
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double clip = 1;  // global norm of the gradient; 0: none
  Muon muon{};
  std::uint64_t seed = 1;  // of the weights
};

// What the rates (of AdamW, of the embeddings, of Muon) are multiplied by at a step, counted from
// 0. The warm-up rises from 1 / warmup to 1, which its last step has; a decay would reach
// final_share one step behind the last, so that a final_share of 0 wastes no step. A warm-up that
// is longer than the training is cut off with it; a decay never reaches into the warm-up.
// REQUIRES: 0 <= step < total.
double learning_rate_factor(const Schedule& schedule, std::int64_t step, std::int64_t total);

// Mistakes are noted in the table's document.
Schedule read_schedule(const TomlTable& table);

}  // namespace celere::spec
