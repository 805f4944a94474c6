// The optimizers: AdamW for all tensors, or Muon for the matrices inside the layers and AdamW for
// the rest, or plain SGD, by which layouts are compared.
//
//   AdamW: m = b1 m + (1 - b1) g   v = b2 v + (1 - b2) g^2
//          w = (1 - rate decay) w - rate (m / c1) / (sqrt(v / c2) + epsilon)   [Loshchilov 2019]
//
// Matrices decay, and embeddings with them; norms and biases do not.
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

  // Applies the gradients: rates are those of the schedule times `rate_factor`, gradients are taken
  // times `gradient_scale`. The compute copies are made anew.
  void step(double rate_factor, double gradient_scale);

  // What a checkpoint must hold beside the weights: "mean.NAME", "square.NAME" and "momentum.NAME",
  // with the shape of the weight NAME; views of the memory itself.
  std::vector<std::pair<std::string, at::Tensor>> state() const;
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  struct Entry {
    const Parameter* parameter;
    std::int64_t offset;  // in the state tensors of its kind
  };
  // One matrix [rows, columns] of Muon's: views.
  struct Matrix {
    at::Tensor momentum, gradient, value;
    at::Tensor compute;  // undefined where it is the value itself
  };
  void add_matrices(const Entry& entry);
  void step_adamw(double rate_factor, double gradient_scale);
  void step_muon(double rate_factor, double gradient_scale);
  void step_sgd(double rate_factor, double gradient_scale);
  kernels::AdamW adamw_of(const Entry& entry, double rate_factor, double gradient_scale) const;
  void adamw_plain(const Entry& entry, double rate_factor, double gradient_scale);

  spec::Optimizer kind_;
  spec::Schedule schedule_;
  Parameters& parameters_;
  const kernels::Table* table_;
  std::int64_t steps_ = 0;
  std::vector<Entry> adamw_, muon_;
  at::Tensor mean_, square_, momentum_;
  std::vector<Matrix> matrices_;
};

// The norm of all gradients together.
double gradient_norm(const Parameters& parameters, const kernels::Table* table);

}  // namespace celere::nn
