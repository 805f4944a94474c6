#include "spec/hf_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "base/check.hpp"

namespace celere::spec {
namespace {

// How several of our tensors share one of theirs, along the outputs.
enum class Fused : std::uint8_t {
  none,
  query_key_value,  // one behind the other
  halves,           // all of w1, then all of w3
  turns             // w1 and w3 in turn
};

// `ours` is the name behind "layers.N."; in `theirs` "{}" is an expert, and "@" the layer.
struct Rule {
  std::string_view ours;
  std::string_view theirs;
  bool transposed = false;
  Fused fused = Fused::none;
};

constexpr Rule llama_rules[] = {
    {"embedding.tokens", "model.embed_tokens.weight"},
    {"final_norm", "model.norm.weight"},
    {"head", "lm_head.weight"},
    {"attention_norm", "model.layers.@.input_layernorm.weight"},
    {"attention.wq", "model.layers.@.self_attn.q_proj.weight"},
    {"attention.wk", "model.layers.@.self_attn.k_proj.weight"},
    {"attention.wv", "model.layers.@.self_attn.v_proj.weight"},
    {"attention.wo", "model.layers.@.self_attn.o_proj.weight"},
    {"mlp_norm", "model.layers.@.post_attention_layernorm.weight"},
    {"mlp.w1", "model.layers.@.mlp.gate_proj.weight"},
    {"mlp.w3", "model.layers.@.mlp.up_proj.weight"},
    {"mlp.w2", "model.layers.@.mlp.down_proj.weight"},
};

constexpr Rule gpt2_rules[] = {
    {"embedding.tokens", "transformer.wte.weight"},
    {"embedding.positions", "transformer.wpe.weight"},
    {"attention_norm", "transformer.h.@.ln_1.weight"},
    {"attention_norm_bias", "transformer.h.@.ln_1.bias"},
    {"attention.wq", "transformer.h.@.attn.c_attn.weight", true, Fused::query_key_value},
    {"attention.wk", "transformer.h.@.attn.c_attn.weight", true, Fused::query_key_value},
    {"attention.wv", "transformer.h.@.attn.c_attn.weight", true, Fused::query_key_value},
    {"attention.wq_bias", "transformer.h.@.attn.c_attn.bias", false, Fused::query_key_value},
    {"attention.wk_bias", "transformer.h.@.attn.c_attn.bias", false, Fused::query_key_value},
    {"attention.wv_bias", "transformer.h.@.attn.c_attn.bias", false, Fused::query_key_value},
    {"attention.wo", "transformer.h.@.attn.c_proj.weight", true},
    {"attention.wo_bias", "transformer.h.@.attn.c_proj.bias"},
    {"mlp_norm", "transformer.h.@.ln_2.weight"},
    {"mlp_norm_bias", "transformer.h.@.ln_2.bias"},
    {"mlp.w1", "transformer.h.@.mlp.c_fc.weight", true},
    {"mlp.w1_bias", "transformer.h.@.mlp.c_fc.bias"},
    {"mlp.w2", "transformer.h.@.mlp.c_proj.weight", true},
    {"mlp.w2_bias", "transformer.h.@.mlp.c_proj.bias"},
    {"final_norm", "transformer.ln_f.weight"},
    {"final_norm_bias", "transformer.ln_f.bias"},
};

constexpr Rule mixtral_rules[] = {
    {"router", "model.layers.@.block_sparse_moe.gate.weight"},
    {"experts.w1", "model.layers.@.block_sparse_moe.experts.{}.w1.weight"},
    {"experts.w3", "model.layers.@.block_sparse_moe.experts.{}.w3.weight"},
    {"experts.w2", "model.layers.@.block_sparse_moe.experts.{}.w2.weight"},
};

constexpr Rule qwen3_moe_rules[] = {
    {"attention.q_norm", "model.layers.@.self_attn.q_norm.weight"},
    {"attention.k_norm", "model.layers.@.self_attn.k_norm.weight"},
    {"router", "model.layers.@.mlp.gate.weight"},
    {"experts.w1", "model.layers.@.mlp.experts.{}.gate_proj.weight"},
    {"experts.w3", "model.layers.@.mlp.experts.{}.up_proj.weight"},
    {"experts.w2", "model.layers.@.mlp.experts.{}.down_proj.weight"},
};

constexpr Rule deepseek_rules[] = {
    {"attention.wq_a", "model.layers.@.self_attn.q_a_proj.weight"},
    {"attention.q_norm", "model.layers.@.self_attn.q_a_layernorm.weight"},
    {"attention.wq_b", "model.layers.@.self_attn.q_b_proj.weight"},
    {"attention.wkv_a", "model.layers.@.self_attn.kv_a_proj_with_mqa.weight"},
    {"attention.kv_norm", "model.layers.@.self_attn.kv_a_layernorm.weight"},
    {"attention.wkv_b", "model.layers.@.self_attn.kv_b_proj.weight"},
    {"router", "model.layers.@.mlp.gate.weight"},
    {"router_bias", "model.layers.@.mlp.gate.e_score_correction_bias"},
    {"experts.w1", "model.layers.@.mlp.experts.{}.gate_proj.weight"},
    {"experts.w3", "model.layers.@.mlp.experts.{}.up_proj.weight"},
    {"experts.w2", "model.layers.@.mlp.experts.{}.down_proj.weight"},
    {"shared.w1", "model.layers.@.mlp.shared_experts.gate_proj.weight"},
    {"shared.w3", "model.layers.@.mlp.shared_experts.up_proj.weight"},
    {"shared.w2", "model.layers.@.mlp.shared_experts.down_proj.weight"},
    {"mtp_embedding_norm", "model.layers.@.enorm.weight"},
    {"mtp_hidden_norm", "model.layers.@.hnorm.weight"},
    {"mtp_projection", "model.layers.@.eh_proj.weight"},
    {"mtp_head_norm", "model.layers.@.shared_head.norm.weight"},
};

constexpr Rule gpt_oss_rules[] = {
    {"attention.wq_bias", "model.layers.@.self_attn.q_proj.bias"},
    {"attention.wk_bias", "model.layers.@.self_attn.k_proj.bias"},
    {"attention.wv_bias", "model.layers.@.self_attn.v_proj.bias"},
    {"attention.wo_bias", "model.layers.@.self_attn.o_proj.bias"},
    {"attention.sinks", "model.layers.@.self_attn.sinks"},
    {"router", "model.layers.@.mlp.router.weight"},
    {"router_bias", "model.layers.@.mlp.router.bias"},
    {"experts.w1", "model.layers.@.mlp.experts.gate_up_proj", true, Fused::turns},
    {"experts.w3", "model.layers.@.mlp.experts.gate_up_proj", true, Fused::turns},
    {"experts.w1_bias", "model.layers.@.mlp.experts.gate_up_proj_bias", false, Fused::turns},
    {"experts.w3_bias", "model.layers.@.mlp.experts.gate_up_proj_bias", false, Fused::turns},
    {"experts.w2", "model.layers.@.mlp.experts.down_proj", true},
    {"experts.w2_bias", "model.layers.@.mlp.experts.down_proj_bias"},
};

// Behind "language_model.": the published checkpoints hold a vision tower beside it.
constexpr Rule llama4_rules[] = {
    {"mlp.w1", "model.layers.@.feed_forward.gate_proj.weight"},
    {"mlp.w3", "model.layers.@.feed_forward.up_proj.weight"},
    {"mlp.w2", "model.layers.@.feed_forward.down_proj.weight"},
    {"router", "model.layers.@.feed_forward.router.weight"},
    {"experts.w1", "model.layers.@.feed_forward.experts.gate_up_proj", true, Fused::halves},
    {"experts.w3", "model.layers.@.feed_forward.experts.gate_up_proj", true, Fused::halves},
    {"experts.w2", "model.layers.@.feed_forward.experts.down_proj", true},
    {"shared.w1", "model.layers.@.feed_forward.shared_expert.gate_proj.weight"},
    {"shared.w3", "model.layers.@.feed_forward.shared_expert.up_proj.weight"},
    {"shared.w2", "model.layers.@.feed_forward.shared_expert.down_proj.weight"},
};

constexpr Rule nemotron_rules[] = {
    {"attention_norm_bias", "model.layers.@.input_layernorm.bias"},
    {"mlp_norm_bias", "model.layers.@.post_attention_layernorm.bias"},
    {"mlp.w1", "model.layers.@.mlp.up_proj.weight"},
    {"final_norm_bias", "model.norm.bias"},
};

constexpr Rule grok_2_rules[] = {
    {"attention_norm", "model.layers.@.pre_attn_norm.weight"},
    {"attention_post_norm", "model.layers.@.post_attn_norm.weight"},
    {"mlp_norm", "model.layers.@.pre_moe_norm.weight"},
    {"mlp_post_norm", "model.layers.@.post_moe_norm.weight"},
    {"router", "model.layers.@.block_sparse_moe.gate.weight"},
    {"experts.w1", "model.layers.@.block_sparse_moe.experts.{}.w1.weight"},
    {"experts.w3", "model.layers.@.block_sparse_moe.experts.{}.w3.weight"},
    {"experts.w2", "model.layers.@.block_sparse_moe.experts.{}.w2.weight"},
    {"dense.w1", "model.layers.@.mlp.gate_proj.weight"},
    {"dense.w3", "model.layers.@.mlp.up_proj.weight"},
    {"dense.w2", "model.layers.@.mlp.down_proj.weight"},
};

struct Family {
  std::span<const Rule> own;     // go before
  std::span<const Rule> common;  // these
  std::string_view prefix;
};

Family rules_of(HfFamily family) {
  switch (family) {
    case HfFamily::none:
      return {};
    case HfFamily::gpt2:
      return {gpt2_rules, {}, ""};
    case HfFamily::llama:
      return {{}, llama_rules, ""};
    case HfFamily::mixtral:
      return {mixtral_rules, llama_rules, ""};
    case HfFamily::qwen3_moe:
      return {qwen3_moe_rules, llama_rules, ""};
    case HfFamily::deepseek_v3:
      return {deepseek_rules, llama_rules, ""};
    case HfFamily::gpt_oss:
      return {gpt_oss_rules, llama_rules, ""};
    case HfFamily::llama4:
      return {llama4_rules, llama_rules, "language_model."};
    case HfFamily::nemotron:
      return {nemotron_rules, llama_rules, ""};
    case HfFamily::grok_2:
      return {grok_2_rules, llama_rules, ""};
  }
  CHECK(false);
}

const Rule* rule_for(const Family& family, std::string_view ours) {
  for (const std::span<const Rule> rules : {family.own, family.common}) {
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const Rule& candidate) { return candidate.ours == ours; });
    if (rule != rules.end()) return &*rule;
  }
  return nullptr;
}

std::string replaced(std::string text, std::string_view part, int number) {
  const std::size_t at = text.find(part);
  if (at != std::string::npos) text.replace(at, part.size(), std::to_string(number));
  return text;
}

// Sets first and step, and gives the outputs of the whole of theirs. `outputs` are those of ours.
std::int64_t fuse(HfPlace& place, const Rule& rule, const Attention& attention,
                  std::int64_t outputs) {
  const std::int64_t queries = std::int64_t{attention.heads} * attention.head_dim;
  const std::int64_t keys = std::int64_t{attention.kv_heads} * attention.head_dim;
  const bool is_w3 = rule.ours.starts_with("experts.w3");
  switch (rule.fused) {
    case Fused::none:
      return outputs;
    case Fused::query_key_value:
      if (rule.ours.starts_with("attention.wk")) place.first = queries;
      if (rule.ours.starts_with("attention.wv")) place.first = queries + keys;
      return queries + 2 * keys;
    case Fused::halves:
      place.first = is_w3 ? outputs : 0;
      return 2 * outputs;
    case Fused::turns:
      place.first = is_w3 ? 1 : 0;
      place.step = 2;
      return 2 * outputs;
  }
  CHECK(false);
}

}  // namespace

std::vector<HfPlace> hf_places(const Model& model, const Tensor& tensor) {
  std::string_view ours = tensor.name;
  if (tensor.layer >= 0) ours.remove_prefix(fmt::format("layers.{}.", tensor.layer).size());
  const Family family = rules_of(model.hf_family);
  const Rule* rule = rule_for(family, ours);
  if (rule == nullptr) return {};

  HfPlace place{.name = fmt::format("{}{}", family.prefix,
                                    replaced(std::string(rule->theirs), "@", tensor.layer)),
                .shape = tensor.shape,
                .transposed = rule->transposed};
  const bool by_expert = rule->theirs.find("{}") != std::string_view::npos;
  if (by_expert) place.shape.erase(place.shape.begin());
  // Outputs are the last dimension of a bias and the last but one of a matrix.
  const bool bias = tensor.type == TensorType::bias;
  if (rule->fused != Fused::none) {
    std::int64_t& outputs = place.shape[place.shape.size() - (bias ? 1 : 2)];
    outputs = fuse(place, *rule, model.attention, outputs);
  }
  if (place.transposed) std::swap(place.shape.end()[-1], place.shape.end()[-2]);
  if (!by_expert) return {place};

  std::vector<HfPlace> places(static_cast<std::size_t>(tensor.shape[0]), place);
  for (std::size_t e = 0; e < places.size(); ++e) {
    places[e].expert = static_cast<int>(e);
    places[e].name = replaced(std::move(places[e].name), "{}", places[e].expert);
  }
  return places;
}

}  // namespace celere::spec
