// The MLP of one layer: dense, or a mixture of experts with what stands beside it.
#pragma once

#include <memory>
#include <string>

#include "nn/experts.hpp"
#include "nn/ops.hpp"
#include "spec/model.hpp"

namespace celere::nn {

class DenseMlp {
 public:
  DenseMlp(const spec::Model& model, const Parameters& parameters, const std::string& prefix);
  at::Tensor forward(const Ops& ops, const at::Tensor& x) const;

 private:
  const Parameter *w1_, *w3_, *w2_;
  const Parameter *w1_bias_, *w3_bias_, *w2_bias_;
  kernels::Gate gate_;
};

class MlpBlock {
 public:
  // `prefix`: "layers.3".
  MlpBlock(const spec::Model& model, const Parameters& parameters, int layer);

  // x [rows, hidden], normed. Balance losses are added to `balance`, where it is given.
  at::Tensor forward(const Ops& ops, const at::Tensor& x, at::Tensor* balance) const;

 private:
  std::unique_ptr<DenseMlp> dense_, shared_, beside_;  // of a dense layer; of one with experts
  bool mixture_ = false;
  spec::Experts experts_;
  RouterWords router_;
  ExpertWords words_;
};

}  // namespace celere::nn
