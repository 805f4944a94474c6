#include "study/row_model.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "study/words.hpp"

namespace celere::study {
namespace {

constexpr int default_vocab = 51'200;
constexpr int gated_since = 2023;

Error lacks(const char* column) {
  return Error{ErrorCode::unsupported, fmt::format("{} is empty", column), {}};
}

// Whether the row gives nothing else than the model has.
bool agrees(const std::optional<std::int64_t>& row, int model) { return !row || *row == model; }

bool related(const RunInputs& row, const spec::Model& model) {
  if (model.hidden != row.hidden || !agrees(row.heads, model.attention.heads)) return false;
  if (row.experts.has_value() != model.experts.has_value()) return false;
  if (!agrees(row.gated, model.gated() ? 1 : 0)) return false;
  if (model.experts) {
    if (model.experts->count != row.experts || !agrees(row.top_k, model.experts->top_k) ||
        !agrees(row.expert_ffn, model.experts->ffn)) {
      return false;
    }
  } else if (!agrees(row.ffn, model.ffn)) {
    return false;
  }
  // A model with latent attention has no number of key-value heads.
  return model.attention.kind == spec::AttentionKind::latent
             ? !row.kv_heads
             : agrees(row.kv_heads, model.attention.kv_heads);
}

// The one of the same depth where several are related.
const spec::Model* relative_of(const RunInputs& row, const std::vector<spec::Model>& known) {
  const spec::Model* relative = nullptr;
  for (const spec::Model& model : known) {
    if (!related(row, model)) continue;
    if (relative == nullptr || model.layers == row.layers) relative = &model;
  }
  return relative;
}

// A value of the row, or the rule's, whose column is then noted.
class Filler {
 public:
  int take(const std::optional<std::int64_t>& cell, std::int64_t rule, const char* column) {
    if (!cell) filled_.emplace_back(column);
    return static_cast<int>(cell.value_or(rule));
  }
  std::vector<std::string> filled() && { return std::move(filled_); }

 private:
  std::vector<std::string> filled_;
};

spec::Model usual(bool gated) {
  spec::Model model;
  model.activation = gated ? spec::Activation::silu_gated : spec::Activation::gelu;
  model.norm = gated ? spec::Norm::rms : spec::Norm::layer;
  model.position = gated ? spec::Position::rope : spec::Position::none;
  model.mlp_biases = model.norm_biases = model.tied_embeddings = !gated;
  model.attention.biases = model.attention.output_bias = !gated;
  return model;
}

// DeepSeek-V3 2024, section 4.2.
spec::Attention latent(int heads) {
  spec::Attention attention;
  attention.kind = spec::AttentionKind::latent;
  attention.heads = heads;
  attention.kv_heads = heads;
  attention.head_dim = 192;
  attention.value_dim = 128;
  attention.query_rank = 1536;
  attention.kv_rank = 512;
  attention.rope_dim = 64;
  return attention;
}

void set_attention(spec::Model& model, const RunInputs& row, const spec::Model* relative,
                   Filler& filler) {
  const int heads = static_cast<int>(*row.heads);
  if (relative != nullptr && relative->attention.kind == spec::AttentionKind::latent) {
    model.attention = relative->attention;
    return;
  }
  if (row.has("mla")) {
    model.attention = latent(heads);
    filler.take(std::nullopt, 0, "head_dim");
    return;
  }
  model.attention.heads = heads;
  model.attention.kv_heads = filler.take(row.kv_heads, heads, "n_kv_heads");
  model.attention.head_dim = filler.take(row.head_dim, model.hidden / heads, "head_dim");
  model.attention.value_dim = model.attention.head_dim;
}

Status set_experts(spec::Model& model, const RunInputs& row, const spec::Model* relative,
                   Filler& filler) {
  if (!row.experts) {
    model.experts.reset();
    return Done{};
  }
  if (!row.top_k) return lacks("moe_topk");
  spec::Experts experts = relative != nullptr ? *relative->experts : spec::Experts{};
  experts.count = static_cast<int>(*row.experts);
  experts.top_k = static_cast<int>(*row.top_k);
  if (experts.top_k > experts.count) {
    return bad_input(
        fmt::format("moe_topk {} is more than moe_experts {}", experts.top_k, experts.count));
  }
  if (!row.expert_ffn && !row.ffn) return lacks("moe_ffn_hidden");
  experts.ffn = filler.take(row.expert_ffn, row.ffn.value_or(0), "moe_ffn_hidden");
  if (row.shared_experts || relative == nullptr) {
    experts.shared_ffn = filler.take(row.shared_experts, 0, "shared_experts") * experts.ffn;
  }
  if (relative == nullptr || relative->layers != model.layers) experts.first_dense = 0;
  if (const auto dense = row.amount("first_dense")) experts.first_dense = *dense;
  if (experts.first_dense >= model.layers) {
    return bad_input(fmt::format("first_dense={} leaves none of the {} layers with experts",
                                 experts.first_dense, model.layers));
  }
  model.experts = experts;
  return Done{};
}

void set_mlp(spec::Model& model, const RunInputs& row, Filler& filler) {
  const bool needed = !model.experts || model.experts->first_dense > 0 || model.experts->every > 1;
  if (!needed) {
    model.ffn = 0;
    return;
  }
  const std::int64_t rule =
      model.gated() ? 8 * std::int64_t{model.hidden} / 3 : 4 * std::int64_t{model.hidden};
  model.ffn = filler.take(row.ffn, model.ffn > 0 ? model.ffn : rule, "ffn_hidden");
}

void set_prediction_modules(spec::Model& model, const RunInputs& row) {
  const int of_relative = model.mtp_layers;
  const bool trained =
      contains(row.framework, "Megatron-Bridge") && !contains(row.model_name, "w/o MTP");
  model.mtp_layers = row.amount("mtp").value_or(trained ? of_relative : 0);
}

}  // namespace

Result<RowModel> model_of(const RunInputs& row, const std::vector<spec::Model>& known) {
  for (const std::string_view hybrid : {"Mamba", "Nemotron-H", "Nemotron_3"}) {
    if (!contains(row.model_name, hybrid)) continue;
    return Error{ErrorCode::unsupported,
                 fmt::format("{} has Mamba layers, whose time is not modelled", row.model_name),
                 {}};
  }
  if (!row.layers) return lacks("n_layers");
  if (!row.hidden) return lacks("hidden");
  if (!row.heads) return lacks("n_heads");
  const spec::Model* relative = relative_of(row, known);
  Filler filler;
  const int year = static_cast<int>(row.year.value_or(gated_since));
  const bool gated = filler.take(row.gated, year >= gated_since ? 1 : 0, "gated_mlp") == 1;
  RowModel out;
  spec::Model& model = out.model;
  model = relative != nullptr ? *relative : usual(gated);
  model.name = model.title = row.model_name;
  model.layers = static_cast<int>(*row.layers);
  model.hidden = static_cast<int>(*row.hidden);
  model.context = 0;
  if (model.position == spec::Position::learned) {
    model.context = static_cast<int>(row.sequence.value_or(0));
  }
  model.vocab =
      filler.take(row.vocab, relative != nullptr ? relative->vocab : default_vocab, "vocab");
  set_attention(model, row, relative, filler);
  RETURN_IF_ERROR(set_experts(model, row, relative, filler));
  set_mlp(model, row, filler);
  set_prediction_modules(model, row);
  out.filled = std::move(filler).filled();
  return out;
}

}  // namespace celere::study
