// A few steps of training, on one rank and over many that are threads of one program, and what came
// of them: for tests that hold one against the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "layout/layout.hpp"
#include "nn/parameters.hpp"
#include "spec/run.hpp"

namespace celere::nn {

struct TrainPlan {
  int sequences = 8;      // of a step
  int length = 16;        // positions of each
  int micro_batch = 1;    // sequences
  int micro_batches = 8;  // of a step, over all replicas
  int steps = 3;
  spec::Optimizer optimizer = spec::Optimizer::sgd;
  at::ScalarType type = at::kDouble;
};

// Whole tensors by name, wherever their parts were.
struct Trained {
  std::vector<double> losses;  // of each micro-batch of the first step
  double balance = 0;
  double gradient_norm = 0;
  std::map<std::string, at::Tensor> gradients;  // of the first step
  std::map<std::string, at::Tensor> weights;    // behind the last one
};

Trained train_alone(const spec::Model& model, const TrainPlan& plan);
Trained train_over_ranks(const spec::Model& model, const layout::Layout& layout,
                         const TrainPlan& plan);

// Four layers, so that there is something to cut: with all that the catalogue has of dense models,
// and of mixtures.
spec::Model small_dense();
spec::Model small_mixture();

}  // namespace celere::nn
