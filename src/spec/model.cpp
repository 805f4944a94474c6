#include "spec/model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t most = 1 << 30;

// Reads counts; those that the entry lists as unknown may be absent, and are 0.
class Counts {
 public:
  Counts(const TomlTable& table, const std::vector<std::string>& unknown)
      : table_(table), unknown_(unknown) {}

  int required(const char* key, int least = 1) const {
    const bool waits = std::find(unknown_.begin(), unknown_.end(), key) != unknown_.end();
    if (waits && !table_.has(key)) return 0;
    return static_cast<int>(table_.integer(key, least, most));
  }
  int optional(const char* key, int fallback = 0, int least = 0) const {
    return static_cast<int>(table_.integer_or(key, fallback, least, most));
  }

 private:
  const TomlTable& table_;
  const std::vector<std::string>& unknown_;
};

Attention read_attention(const TomlTable& table, const std::vector<std::string>& unknown) {
  const Counts counts(table, unknown);
  Attention a;
  a.kind = static_cast<AttentionKind>(table.choice("kind", {"grouped", "latent"}, 0));
  a.heads = counts.required("heads");
  a.head_dim = counts.required("head_dim");
  if (a.kind == AttentionKind::latent) {
    a.kv_heads = a.heads;
    a.value_dim = counts.required("value_dim");
    a.query_rank = counts.optional("query_rank");
    a.kv_rank = counts.required("kv_rank");
    a.rope_dim = counts.required("rope_dim");
    if (a.rope_dim > a.head_dim)
      table.mistake("rope_dim", fmt::format("is more than head_dim = {}", a.head_dim));
  } else {
    a.kv_heads = counts.optional("kv_heads", a.heads, 1);
    a.value_dim = a.head_dim;
    if (a.heads > 0 && a.heads % a.kv_heads != 0) {
      table.mistake("kv_heads",
                    fmt::format("= {} does not divide the {} heads", a.kv_heads, a.heads));
    }
  }
  a.query_key_norm = table.boolean_or("query_key_norm", false);
  a.biases = table.boolean_or("biases", false);
  a.output_bias = table.boolean_or("output_bias", false);
  a.sinks = table.boolean_or("sinks", false);
  return a;
}

Experts read_experts(const TomlTable& table, const std::vector<std::string>& unknown) {
  const Counts counts(table, unknown);
  Experts e;
  e.count = counts.required("count");
  e.top_k = counts.required("top_k");
  e.ffn = counts.required("ffn");
  e.shared_ffn = counts.optional("shared_ffn");
  e.dense_branch_ffn = counts.optional("dense_branch_ffn");
  e.every = counts.optional("every", 1, 1);
  e.first_dense = counts.optional("first_dense");
  e.groups = counts.optional("groups");
  e.group_limit = counts.optional("group_limit");
  e.router_bias = table.boolean_or("router_bias", false);
  e.biases = table.boolean_or("biases", false);
  if (e.top_k > e.count)
    table.mistake("top_k", fmt::format("= {} is more than the {} experts", e.top_k, e.count));
  if (e.group_limit > e.groups) {
    table.mistake("group_limit",
                  fmt::format("= {} is more than groups = {}", e.group_limit, e.groups));
  }
  return e;
}

}  // namespace

bool Model::has_experts(int layer) const {
  if (!experts) return false;
  return layer >= experts->first_dense && layer % experts->every == experts->every - 1;
}

int Model::expert_layers() const {
  int count = 0;
  for (int layer = 0; layer < layers; ++layer) count += has_experts(layer) ? 1 : 0;
  return count;
}

Model read_model(const TomlTable& table, std::string name) {
  Model m;
  m.name = std::move(name);
  m.title = table.text_or("title", m.name);
  m.unknown = table.texts("unknown");
  const Counts counts(table, m.unknown);
  m.layers = counts.required("layers");
  m.hidden = counts.required("hidden");
  m.vocab = counts.required("vocab");
  m.context = counts.optional("context");
  m.attention = read_attention(table.table("attention"), m.unknown);
  if (const auto experts = table.table_if("experts")) m.experts = read_experts(*experts, m.unknown);
  const bool all_experts = m.experts && m.experts->every == 1 && m.experts->first_dense == 0;
  m.ffn = all_experts ? counts.optional("ffn") : counts.required("ffn");
  m.activation = static_cast<Activation>(
      table.choice("activation", {"gelu", "relu-squared", "silu", "gelu-gated", "silu-gated"}, 4));
  m.norm = static_cast<Norm>(table.choice("norm", {"rms", "layer"}, 0));
  m.norms_per_layer = static_cast<int>(table.integer_or("norms_per_layer", 2, 2, 4));
  m.position = static_cast<Position>(table.choice("position", {"rope", "learned", "none"}, 0));
  if (m.position == Position::learned && m.context == 0)
    table.mistake("context", "learned positions need it");
  m.mlp_biases = table.boolean_or("mlp_biases", false);
  m.norm_biases = table.boolean_or("norm_biases", false);
  m.tied_embeddings = table.boolean_or("tied_embeddings", false);
  m.mtp_layers = counts.optional("mtp_layers");
  return m;
}

Result<Model> parse_model(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("models/{}.toml", name)));
  const TomlTable root = document->root();
  Model m = read_model(root, std::move(name));
  m.source = root.text("source");
  m.grade = static_cast<Grade>(root.choice(
      "grade", {"measured", "maker", "secondary", "derived", "fitted", "assumption"}, -1));
  m.difference = root.text_or("difference", "");
  const TomlTable published = root.table("published");
  m.published_parameters = published.number_fact("parameters");
  m.published_active_parameters = published.number_fact("active");
  RETURN_IF_ERROR(document->finish());
  return m;
}

}  // namespace celere::spec
