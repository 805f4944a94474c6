// The optimizers: AdamW for all tensors, or Muon for the matrices inside the layers and AdamW for
// the rest, or plain SGD, by which layouts are compared.
//
//   AdamW: m = b1 m + (1 - b1) g   v = b2 v + (1 - b2) g^2
//          w = (1 - rate decay) w - rate (m / c1) / (sqrt(v / c2) + epsilon)   [Loshchilov 2019]
//
// Matrices decay, and embeddings with them; norms and biases do not.
//
// Each rank updates its shards (nn/bucket.hpp). Muon needs whole matrices: where a rank has only
// parts of them, the momenta are gathered, each matrix is brought to its polar factor by one rank
// of those that share it, and the factors' parts go back.
#pragma once

#include <string>
#include <vector>

#include "nn/kernels/kernels.hpp"
#include "nn/parameters.hpp"
#include "spec/run.hpp"
#include "spec/schedule.hpp"

namespace celere::nn {

class Optimizer {
 public:
  // REQUIRES: the parameters outlive it. `table`: nothing for ATen operators alone.
  Optimizer(spec::Optimizer kind, const spec::Schedule& schedule, Parameters& parameters,
            const kernels::Table* table);

  // Applies the gradients of the shards: rates are those of the schedule times `rate_factor`,
  // gradients are taken times `gradient_scale`. Values and compute copies are made anew on all
  // ranks. A collective that fails throws GroupBroken.
  void step(double rate_factor, double gradient_scale);

  // A run of elements of a parameter's part that this rank updates.
  struct Piece {
    const Parameter* parameter;
    const Bucket* bucket;
    std::int64_t begin = 0, count = 0;  // in the part, row-major
    std::int64_t in_shard = 0;          // where it begins in the bucket's shard
    std::int64_t state = 0;             // where its state begins in the flat tensors of its kind
  };
  // What a checkpoint must hold beside the weights: "mean", "square" and "momentum" of each piece;
  // views of the memory itself, flat.
  struct State {
    std::string kind;
    Piece piece;
    at::Tensor flat;
  };
  std::vector<State> state() const;
  spec::Optimizer kind() const { return kind_; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  // One matrix [rows, columns] of Muon's: views.
  struct Matrix {
    at::Tensor momentum, gradient, value;
  };
  void add_matrices(const Piece& piece);
  void step_adamw(double rate_factor, double gradient_scale);
  void step_whole_matrices(double rate_factor, double gradient_scale);
  void step_shared_matrices(const Bucket& bucket, double rate_factor, double gradient_scale);
  kernels::AdamW adamw_of(const Piece& piece, double rate_factor, double gradient_scale) const;
  void adamw_plain(const Piece& piece, double rate_factor, double gradient_scale);

  spec::Optimizer kind_;
  spec::Schedule schedule_;
  Parameters& parameters_;
  const kernels::Table* table_;
  std::int64_t steps_ = 0;
  std::vector<Piece> adamw_, muon_;
  at::Tensor mean_, square_, momentum_;
  std::vector<Matrix> matrices_;       // that this rank has whole
  std::vector<const Bucket*> shared_;  // whose matrices it has not
};

// The part of a parameter that lies in this rank's shard; count 0: none.
Optimizer::Piece piece_of(const Parameter& p, const Bucket& bucket);

// The norm of all gradients together, over all ranks. REQUIRES: they are finished.
double gradient_norm(const Parameters& parameters, const kernels::Table* table);

}  // namespace celere::nn
