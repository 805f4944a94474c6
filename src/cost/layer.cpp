#include "cost/layer.hpp"

#include <algorithm>
#include <string_view>

#include "base/check.hpp"
#include "cost/layer_builder.hpp"

namespace celere::cost {
namespace {

// A logit between the loss and the backward pass of the head: bf16 as it was computed, and fp32 for
// the softmax, whose place the gradient takes.
constexpr double logit_bytes_kept = 6;
constexpr double embedding_bytes = 4;  // a bf16 row read and written

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Projections to keys and values, and what is added to values: cut by tp, but never finer than a
// head.
bool of_key_or_value(const spec::Tensor& tensor) {
  return ends_with(tensor.name, ".wk") || ends_with(tensor.name, ".wv") ||
         ends_with(tensor.name, ".wk_bias") || ends_with(tensor.name, ".wv_bias") ||
         ends_with(tensor.name, ".value_embedding");
}

bool of_head(const spec::Tensor& tensor) {
  return tensor.name == "head" || tensor.name.starts_with("final_norm");
}

// Sums of the tensor inventory, by how they are cut.
struct CutCounts {
  double by_tp = 0;  // cut by tp
  double by_kv = 0;  // cut by tp, at most as often as there are kv heads
  double whole = 0;
  double by_ep = 0;  // cut by ep alone
  double by_ep_etp = 0;
  void add(const spec::Tensor& tensor);
  double dense(const LayerSplit& split, int kv_heads) const {
    return by_tp / split.tp + by_kv / std::min(split.tp, kv_heads) + whole;
  }
  double experts(const LayerSplit& split) const {
    return by_ep_etp / (split.ep * split.etp) + by_ep / split.ep;
  }
};

struct TensorCounts {
  CutCounts matrices, others;
  void add(const spec::Tensor& tensor) {
    (tensor.is_layer_matrix() ? matrices : others).add(tensor);
  }
  ParameterShare share(const LayerSplit& split, int kv_heads) const {
    return {.dense_matrices = matrices.dense(split, kv_heads),
            .dense_others = others.dense(split, kv_heads),
            .expert_matrices = matrices.experts(split),
            .expert_others = others.experts(split)};
  }
};

}  // namespace

LayerSplit LayerSplit::of(const layout::Layout& layout) {
  return {.tp = layout.tp,
          .cp = layout.cp,
          .ep = layout.ep,
          .etp = layout.etp,
          .micro_batch = layout.micro_batch,
          .sequence_parallel = layout.sequence_parallel,
          .cp_method = layout.cp_method};
}

void CutCounts::add(const spec::Tensor& tensor) {
  const double count = static_cast<double>(tensor.count());
  if (tensor.shard.ep >= 0) {
    (tensor.shard.etp >= 0 ? by_ep_etp : by_ep) += count;
  } else if (tensor.shard.tp < 0) {
    whole += count;
  } else if (of_key_or_value(tensor)) {
    by_kv += count;
  } else {
    by_tp += count;
  }
}

ParameterShare ParameterShare::divided(double dense_ranks, double expert_ranks) const {
  ParameterShare part{.dense_matrices = dense_matrices / dense_ranks,
                      .dense_others = dense_others / dense_ranks,
                      .expert_matrices = 0,
                      .expert_others = 0};
  if (experts() > 0) {
    part.expert_matrices = expert_matrices / expert_ranks;
    part.expert_others = expert_others / expert_ranks;
  }
  return part;
}

void ParameterShare::add(const ParameterShare& more, double times) {
  dense_matrices += times * more.dense_matrices;
  dense_others += times * more.dense_others;
  expert_matrices += times * more.expert_matrices;
  expert_others += times * more.expert_others;
}

ParameterShare ParameterShare::least(const ParameterShare& a, const ParameterShare& b) {
  return {.dense_matrices = std::min(a.dense_matrices, b.dense_matrices),
          .dense_others = std::min(a.dense_others, b.dense_others),
          .expert_matrices = std::min(a.expert_matrices, b.expert_matrices),
          .expert_others = std::min(a.expert_others, b.expert_others)};
}

// What follows from the model alone.
struct LayerModel::ModelCounts {
  std::vector<int> kind_of_layer;
  std::vector<int> kind_representative;  // a layer of each kind
  std::vector<TensorCounts> kinds;
  TensorCounts embedding, head, mtp;
  ParameterShare parameters;  // of all ranks

  explicit ModelCounts(const spec::Model& model);
};

LayerModel::ModelCounts::ModelCounts(const spec::Model& model) {
  // Kinds in the order of their first layers where the experts and value embeddings differ.
  std::vector<std::pair<bool, bool>> seen;
  for (int layer = 0; layer < model.layers; ++layer) {
    const std::pair<bool, bool> what{model.has_experts(layer), model.has_value_embedding(layer)};
    const auto known = std::find(seen.begin(), seen.end(), what);
    kind_of_layer.push_back(static_cast<int>(known - seen.begin()));
    if (known != seen.end()) continue;
    seen.push_back(what);
    kind_representative.push_back(layer);
  }
  CHECK_LE(seen.size(), static_cast<std::size_t>(layer_kinds_max));
  kinds.resize(kind_representative.size());
  TensorCounts all;
  for (const spec::Tensor& tensor : spec::tensors(model)) {
    all.add(tensor);
    if (tensor.layer < 0) {
      (of_head(tensor) ? head : embedding).add(tensor);
    } else if (tensor.layer >= model.layers) {
      mtp.add(tensor);
    } else {
      for (std::size_t kind = 0; kind < kind_representative.size(); ++kind) {
        if (tensor.layer == kind_representative[kind]) kinds[kind].add(tensor);
      }
    }
  }
  // A tied head on another stage than the embedding holds a copy of it.
  if (model.tied_embeddings) head.others.by_tp += static_cast<double>(model.vocab) * model.hidden;
  parameters = all.share(LayerSplit{}, 1);
}

LayerModel::LayerModel(const Setting& setting, const Numbers& numbers, const Efficiency& efficiency,
                       const Collectives& collectives, const LayerModel* like)
    : setting_(setting), numbers_(numbers), efficiency_(efficiency), collectives_(collectives) {
  CHECK(setting.model.unknown.empty());
  counts_ = like != nullptr ? like->counts_ : std::make_shared<const ModelCounts>(setting.model);
}

int LayerModel::kind_of(int layer) const {
  return counts_->kind_of_layer[static_cast<std::size_t>(layer)];
}

ParameterShare LayerModel::parameters() const { return counts_->parameters; }

LayerCost LayerModel::layer(const LayerSplit& split, int like) const {
  const spec::Model& model = setting_.model;
  const bool with_experts = model.has_experts(like);
  LayerBuilder builder(setting_, numbers_, efficiency_, collectives_, split);
  builder.norms(model.norms_per_layer);
  builder.attention();
  if (model.has_value_embedding(like)) builder.value_embedding();
  double pairs = 1;
  if (with_experts) {
    builder.experts(*model.experts);
    if (model.experts->shared_ffn > 0) builder.mlp(model.experts->shared_ffn);
    if (model.experts->dense_branch_ffn > 0) builder.mlp(model.experts->dense_branch_ffn);
    if (model.experts->shared_ffn + model.experts->dense_branch_ffn > 0) pairs = 2;
  } else {
    builder.mlp(model.ffn);
    pairs = 2;
  }
  builder.tensor_traffic(pairs);
  return builder.finish(with_experts ? numbers_.host_time_experts : numbers_.host_time_dense);
}

LayerCost LayerModel::embedding(const LayerSplit& split) const {
  LayerBuilder builder(setting_, numbers_, efficiency_, collectives_, split);
  const double added = setting_.model.bigram_embeddings > 0 ? added_embedding_bytes : 0;
  builder.memory_bound((embedding_bytes + added) * setting_.model.hidden);
  builder.tensor_traffic(0.5);
  return builder.finish(Seconds{});
}

LayerCost LayerModel::head(const LayerSplit& split) const {
  const spec::Model& model = setting_.model;
  LayerBuilder builder(setting_, numbers_, efficiency_, collectives_, split);
  const double columns = static_cast<double>(model.vocab) / split.tp;
  builder.norms(1);
  builder.linear_bf16(builder.tokens(), columns, model.hidden);
  // logit_bytes counts both directions.
  builder.memory_bound(numbers_.logit_bytes * columns / (1 + numbers_.memory_backward));
  builder.tensor_traffic(0.5);
  if (setting_.stack.fused_loss) {
    const double rows =
        std::min(static_cast<double>(spec::fused_loss_rows(model.vocab)), builder.tokens());
    builder.work_space(element_bytes(setting_.precision) * columns * rows);
  } else {
    builder.work_space(logit_bytes_kept * columns * builder.tokens());
  }
  return builder.finish(Seconds{});
}

// Each module joins the stream with an embedding (2 h -> h), runs a layer of the last kind, and
// uses the head again.
LayerCost LayerModel::mtp(const LayerSplit& split) const {
  const spec::Model& model = setting_.model;
  LayerBuilder builder(setting_, numbers_, efficiency_, collectives_, split);
  const bool with_experts = model.has_experts(model.layers - 1);
  const double columns = static_cast<double>(model.vocab) / split.tp;
  for (int module = 0; module < model.mtp_layers; ++module) {
    builder.norms(model.norms_per_layer + 3);
    builder.linear(model.hidden, 2.0 * model.hidden);
    builder.attention();
    if (with_experts) {
      builder.experts(*model.experts);
      if (model.experts->shared_ffn > 0) builder.mlp(model.experts->shared_ffn);
    } else {
      builder.mlp(model.ffn);
    }
    builder.tensor_traffic(2.5);
    builder.linear_bf16(builder.tokens(), columns, model.hidden);
    builder.memory_bound(numbers_.logit_bytes * columns / (1 + numbers_.memory_backward));
  }
  const Seconds host = with_experts ? numbers_.host_time_experts : numbers_.host_time_dense;
  return builder.finish(host * model.mtp_layers);
}

LayerCosts LayerModel::costs(const LayerSplit& split) const {
  const spec::Model& model = setting_.model;
  const int kv_heads = model.attention.kind == spec::AttentionKind::latent
                           ? model.attention.heads
                           : model.attention.kv_heads;
  LayerCosts costs;
  for (std::size_t kind = 0; kind < counts_->kind_representative.size(); ++kind) {
    costs.kinds.push_back(layer(split, counts_->kind_representative[kind]));
    costs.parameters.push_back(counts_->kinds[kind].share(split, kv_heads));
  }
  costs.embedding = embedding(split);
  costs.head = head(split);
  costs.mtp = mtp(split);
  costs.embedding_parameters = counts_->embedding.share(split, kv_heads);
  costs.head_parameters = counts_->head.share(split, kv_heads);
  costs.mtp_parameters = counts_->mtp.share(split, kv_heads);
  if (model.tied_embeddings) {
    costs.tied_parameters = static_cast<double>(model.vocab) * model.hidden / split.tp;
  }
  // Each rank of tp sends its part and the receivers gather it inside the node [Narayanan et al.
  // 2021, scatter/gather].
  const double tokens =
      static_cast<double>(split.micro_batch) * static_cast<double>(setting_.sequence) / split.cp;
  costs.stage_message =
      Bytes::of(element_bytes(setting_.precision) * tokens * model.hidden / split.tp);
  return costs;
}

}  // namespace celere::cost
