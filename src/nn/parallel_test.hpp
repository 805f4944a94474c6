// A few steps of training, on one rank and over many that are threads of one program, and what came
// of them: for tests that hold one against the other.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "layout/layout.hpp"
#include "layout/place.hpp"
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
  bool fast = false;                     // the fused operators, of float
  std::optional<layout::Axis> left_out;  // whose sums are not made
};

// Whole tensors by name, wherever their parts were.
struct Trained {
  std::vector<double> losses;  // of each micro-batch of the first step
  double balance = 0;
  double gradient_norm = 0;
  std::map<std::string, at::Tensor> gradients;  // of the first step
  std::map<std::string, at::Tensor> weights;    // behind the last one
  std::set<std::string> apart;                  // of which two ranks have different copies
};

Trained train_alone(const spec::Model& model, const TrainPlan& plan);
Trained train_over_ranks(const spec::Model& model, const layout::Layout& layout,
                         const TrainPlan& plan);

// The worst difference, in norms of the right tensor, of losses, gradients, weights and copies.
struct Difference {
  double worst = 0;
  std::string where;
  void take(double difference, const std::string& what);
};
Difference difference_of(const Trained& own, const Trained& right);

// Models of four layers, so that there is something to cut: with all that the catalogue has of
// dense ones, and of mixtures.
spec::Model
small_dense();  // tied, biases, norms of queries and keys, embeddings of values and pairs
spec::Model small_sinks();    // learned positions, layer norm, attention sinks and caps
spec::Model small_mixture();  // a dense first layer, shared experts, biases in the experts
spec::Model small_latent();   // latent attention, sigmoid scores, groups of experts

}  // namespace celere::nn
