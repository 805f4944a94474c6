#include "nn/mlp.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace celere::nn {
namespace {

kernels::Gate gate_of(spec::Activation activation) {
  switch (activation) {
    case spec::Activation::gelu:
    case spec::Activation::gelu_gated:
      return kernels::Gate::gelu;
    case spec::Activation::relu_squared:
      return kernels::Gate::relu_squared;
    case spec::Activation::silu:
    case spec::Activation::silu_gated:
      return kernels::Gate::silu;
  }
  CHECK(false);
}

}  // namespace

DenseMlp::DenseMlp(const spec::Model& model, const Parameters& parameters,
                   const std::string& prefix)
    : w1_(&parameters[prefix + ".w1"]),
      w3_(parameters.find(prefix + ".w3")),
      w2_(&parameters[prefix + ".w2"]),
      w1_bias_(parameters.find(prefix + ".w1_bias")),
      w3_bias_(parameters.find(prefix + ".w3_bias")),
      w2_bias_(parameters.find(prefix + ".w2_bias")),
      gate_(gate_of(model.activation)) {}

at::Tensor DenseMlp::forward(const Ops& ops, const at::Tensor& x) const {
  std::vector<LinearWords> widening{{w1_, w1_bias_}};
  if (w3_ != nullptr) widening.push_back({w3_, w3_bias_});
  const std::vector<at::Tensor> wide = ops.linears(x, widening);
  const at::Tensor inner = ops.activate(wide[0], w3_ != nullptr ? wide[1] : at::Tensor(), gate_);
  return ops.linear(inner, *w2_, w2_bias_);
}

MlpBlock::MlpBlock(const spec::Model& model, const Parameters& parameters, int layer)
    : mixture_(model.has_experts(layer)) {
  const std::string prefix = fmt::format("layers.{}", layer);
  if (!mixture_) {
    dense_ = std::make_unique<DenseMlp>(model, parameters, prefix + ".mlp");
    return;
  }
  experts_ = *model.experts;
  router_ = {&parameters[prefix + ".router"], parameters.find(prefix + ".router_bias"),
             experts_.router_bias, nullptr};
  const auto get = [&](const char* name) { return parameters.find(prefix + ".experts." + name); };
  words_ = {get("w1"),
            get("w3"),
            get("w2"),
            get("w1_bias"),
            get("w3_bias"),
            get("w2_bias"),
            gate_of(model.activation)};
  if (experts_.shared_ffn > 0) {
    shared_ = std::make_unique<DenseMlp>(model, parameters, prefix + ".shared");
  }
  if (experts_.dense_branch_ffn > 0) {
    beside_ = std::make_unique<DenseMlp>(model, parameters, prefix + ".dense");
  }
}

at::Tensor MlpBlock::forward(const Ops& ops, const at::Tensor& x, at::Tensor* balance) const {
  if (!mixture_) return dense_->forward(ops, x);
  RouterWords router = router_;
  router.experts = &experts_;
  const Routing routing = route(x, router, ops);
  if (balance != nullptr && routing.balance_loss.defined()) {
    *balance = balance->defined() ? *balance + routing.balance_loss : routing.balance_loss;
  }
  at::Tensor out = mix_experts(ops, x, routing, words_);
  if (shared_ != nullptr) out = out + shared_->forward(ops, x);
  if (beside_ != nullptr) out = out + beside_->forward(ops, x);
  return out;
}

}  // namespace celere::nn
