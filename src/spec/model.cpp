#include "spec/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

// What a field may be at most. With these no parameter count overflows 63 bits: the experts' three
// matrices of every layer are at most 2^12 * 3 * 2^13 * 2^18 * 2^18 < 2^63.
constexpr int layers_max = 1 << 12;
constexpr int width_max = 1 << 18;
constexpr int heads_max = 1 << 12;
constexpr int experts_max = 1 << 13;
constexpr int entries_max = 1 << 30;  // of a vocabulary, or positions
constexpr int mtp_max = 16;
// All value embeddings together: beside them and the experts nothing comes near 2^59.
constexpr double value_embedding_max = static_cast<double>(std::int64_t{1} << 59);
constexpr double scale_least = 1e-6, scale_most = 1e6;

struct Range {
  int least = 1;
  int most = 1;
};

// What a source may leave open; everything else has a default that says what it means.
constexpr std::string_view may_be_unknown[] = {"layers",
                                               "hidden",
                                               "vocab",
                                               "context",
                                               "ffn",
                                               "mtp_layers",
                                               "attention.heads",
                                               "attention.kv_heads",
                                               "attention.head_dim",
                                               "attention.value_dim",
                                               "attention.query_rank",
                                               "attention.kv_rank",
                                               "attention.rope_dim",
                                               "experts.count",
                                               "experts.top_k",
                                               "experts.ffn",
                                               "experts.shared_ffn",
                                               "experts.first_dense"};

// Reads counts; those that the entry lists as unknown are absent, and 0.
class Counts {
 public:
  // `prefix`: what stands before this table's keys in `unknown`.
  Counts(const TomlTable& table, std::string_view prefix, const std::vector<std::string>& unknown)
      : table_(table), prefix_(prefix), unknown_(unknown) {}

  int required(const char* key, Range range) const {
    return waits(key) ? 0 : static_cast<int>(table_.integer(key, range.least, range.most));
  }
  int optional(const char* key, int fallback, Range range) const {
    if (waits(key)) return 0;
    return static_cast<int>(table_.integer_or(key, fallback, range.least, range.most));
  }
  bool waits(const char* key) const {
    const std::string full = fmt::format("{}{}", prefix_, key);
    if (std::find(unknown_.begin(), unknown_.end(), full) == unknown_.end()) return false;
    if (!table_.has(key)) return true;
    table_.mistake(key, fmt::format("is given, and `unknown` lists \"{}\"", full));
    return false;
  }

 private:
  const TomlTable& table_;
  std::string_view prefix_;
  const std::vector<std::string>& unknown_;
};

// What multiplies, and so must not be 0.
double read_scale(const TomlTable& table, const char* key) {
  return table.number_or(key, 1, scale_least, scale_most);
}

// Of what is capped at it; 0: is not.
double read_soft_cap(const TomlTable& table, const char* key) {
  return table.number_or(key, 0, 0, scale_most);
}

void read_latent(Attention& a, const TomlTable& table, const Counts& counts) {
  a.kv_heads = a.heads;
  a.value_dim = counts.required("value_dim", {1, heads_max});
  a.query_rank = counts.optional("query_rank", 0, {0, width_max});
  a.kv_rank = counts.required("kv_rank", {1, width_max});
  a.rope_dim = counts.required("rope_dim", {0, heads_max});
  if (a.head_dim > 0 && a.rope_dim >= a.head_dim) {
    table.mistake("rope_dim", fmt::format("= {} is a part of head_dim = {}, and must be less",
                                          a.rope_dim, a.head_dim));
  }
}

void read_grouped(Attention& a, const TomlTable& table, const Counts& counts) {
  a.kv_heads = counts.optional("kv_heads", a.heads, {1, heads_max});
  a.value_dim = a.head_dim;
  if (a.kv_heads > 0 && a.heads % a.kv_heads != 0) {
    table.mistake("kv_heads",
                  fmt::format("= {} does not divide the {} heads", a.kv_heads, a.heads));
  }
  a.query_key_norm = table.boolean_or("query_key_norm", false);
  a.biases = table.boolean_or("biases", false);
  a.output_bias = table.boolean_or("output_bias", false);
  a.sinks = table.boolean_or("sinks", false);
  a.rope_share = table.number_or("rope_share", 1, 0, 1);
}

Attention read_attention(const TomlTable& table, const std::vector<std::string>& unknown) {
  const Counts counts(table, "attention.", unknown);
  Attention a;
  a.kind = static_cast<AttentionKind>(table.choice("kind", {"grouped", "latent"}, 0));
  a.heads = counts.required("heads", {1, heads_max});
  a.head_dim = counts.required("head_dim", {1, heads_max});
  if (a.kind == AttentionKind::latent) {
    read_latent(a, table, counts);
  } else {
    read_grouped(a, table, counts);
  }
  a.rope_theta = table.number_or("rope_theta", 10000, 1, 1e12);
  a.scale = table.number_or("scale", 0, 0, scale_most);
  a.soft_cap = read_soft_cap(table, "soft_cap");
  return a;
}

// The rotary embedding turns pairs.
void check_rotation(const Attention& a, const TomlTable& table) {
  if (a.kind == AttentionKind::latent) {
    if (a.rope_dim % 2 != 0) {
      table.mistake("rope_dim",
                    fmt::format("= {} is odd, and rotary positions turn pairs", a.rope_dim));
    }
    return;
  }
  const double rotating = a.rope_share * a.head_dim;
  const double pairs = std::round(rotating / 2);
  if (std::abs(rotating - 2 * pairs) > 1e-6 || (a.head_dim > 0 && pairs < 1)) {
    table.mistake(a.rope_share < 1 ? "rope_share" : "head_dim",
                  fmt::format("rotary positions turn pairs, and {} x {} is no even number of them",
                              a.rope_share, a.head_dim));
  }
}

void check_routing(const Experts& e, const TomlTable& table) {
  if (e.count == 0) return;  // unknown
  if (e.top_k > e.count)
    table.mistake("top_k", fmt::format("= {} is more than the {} experts", e.top_k, e.count));
  if (e.groups > 0 && e.count % e.groups != 0) {
    table.mistake("groups", fmt::format("= {} does not divide the {} experts", e.groups, e.count));
  }
  if (e.group_limit > e.groups) {
    table.mistake("group_limit",
                  fmt::format("= {} is more than groups = {}", e.group_limit, e.groups));
  } else if (e.group_limit > 0 && e.top_k > e.count / e.groups * e.group_limit) {
    table.mistake("group_limit",
                  fmt::format("= {} groups hold {} experts, fewer than top_k = {}", e.group_limit,
                              e.count / e.groups * e.group_limit, e.top_k));
  }
}

Experts read_experts(const TomlTable& table, const std::vector<std::string>& unknown) {
  const Counts counts(table, "experts.", unknown);
  Experts e;
  e.count = counts.required("count", {1, experts_max});
  e.top_k = counts.required("top_k", {1, experts_max});
  e.ffn = counts.required("ffn", {1, width_max});
  e.shared_ffn = counts.optional("shared_ffn", 0, {0, width_max});
  e.dense_branch_ffn = counts.optional("dense_branch_ffn", 0, {0, width_max});
  e.every = counts.optional("every", 1, {1, layers_max});
  e.first_dense = counts.optional("first_dense", 0, {0, layers_max});
  e.groups = counts.optional("groups", 0, {0, experts_max});
  e.group_limit = counts.optional("group_limit", 0, {0, experts_max});
  e.router_bias = table.boolean_or("router_bias", false);
  e.biases = table.boolean_or("biases", false);
  e.scoring = static_cast<Scoring>(table.choice("scoring", {"softmax", "sigmoid"}, 0));
  e.normalise = table.boolean_or("normalise", true);
  e.scale = read_scale(table, "scale");
  e.balance_loss = table.number_or("balance_loss", 0, 0, 100);
  e.capacity = table.number_or("capacity", 0, 0, experts_max);
  check_routing(e, table);
  return e;
}

void check_unknown(const TomlTable& table, const std::vector<std::string>& unknown) {
  for (const std::string& key : unknown) {
    if (std::find(std::begin(may_be_unknown), std::end(may_be_unknown), key) ==
        std::end(may_be_unknown)) {
      table.mistake("unknown", fmt::format("\"{}\" cannot be unknown; what can: {}", key,
                                           fmt::join(may_be_unknown, ", ")));
    }
  }
}

// The widths of the layers with experts and of those without.
void read_mlps(Model& m, const TomlTable& table, const Counts& counts) {
  if (const auto experts = table.table_if("experts")) m.experts = read_experts(*experts, m.unknown);
  if (!m.experts) {
    m.ffn = counts.required("ffn", {1, width_max});
    return;
  }
  const bool known = m.unknown.empty();
  if (known && m.expert_layers() == 0) {
    table.mistake("experts", fmt::format("first_dense = {} and every = {} leave none of {} layers "
                                         "with experts",
                                         m.experts->first_dense, m.experts->every, m.layers));
  }
  if (m.expert_layers() < m.layers) {
    m.ffn = counts.required("ffn", {1, width_max});
  } else if (!counts.waits("ffn") && table.has("ffn") && known) {
    table.mistake("ffn", "is the width of layers without experts, and every layer has experts");
  }
}

// Layers as people name them: [0, -1] are the first and the last.
std::vector<int> read_value_embeddings(const Model& m, const TomlTable& table) {
  constexpr const char* key = "value_embeddings";
  std::vector<int> layers;
  if (!table.has(key)) return layers;
  for (const std::int64_t written : table.integers(key)) {
    const std::int64_t layer = written < 0 ? written + m.layers : written;
    if (layer < 0 || layer >= m.layers) {
      table.mistake(key, fmt::format("{} is none of the {} layers", written, m.layers));
    } else if (std::find(layers.begin(), layers.end(), layer) != layers.end()) {
      table.mistake(key, fmt::format("layer {} stands there twice", layer));
    } else {
      layers.push_back(static_cast<int>(layer));
    }
  }
  std::sort(layers.begin(), layers.end());
  const double parameters = static_cast<double>(layers.size()) * m.vocab * m.attention.kv_heads *
                            static_cast<double>(m.attention.value_dim);
  if (parameters > value_embedding_max) {
    table.mistake(key, fmt::format("have {:.3g} parameters together, and may have {:.3g}",
                                   parameters, value_embedding_max));
  }
  return layers;
}

// What changes no shape of the others, except for the embeddings of values and pairs.
void read_numerics(Model& m, const TomlTable& table) {
  m.norm_epsilon = table.number_or("norm_epsilon", 1e-5, 0, 0.1);
  m.embedding_scale = read_scale(table, "embedding_scale");
  m.logit_scale = read_scale(table, "logit_scale");
  m.logit_soft_cap = read_soft_cap(table, "logit_soft_cap");
  m.value_embeddings = read_value_embeddings(m, table);
  m.bigram_embeddings = static_cast<int>(table.integer_or("bigram_embeddings", 0, 0, entries_max));
  m.initial_std = table.number_or("initial_std", 0.02, 0, 10);
  m.zero_output_projections = table.boolean_or("zero_output_projections", false);
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

bool Model::has_value_embedding(int layer) const {
  return std::binary_search(value_embeddings.begin(), value_embeddings.end(), layer);
}

Model read_model(const TomlTable& table, std::string name) {
  Model m;
  m.name = std::move(name);
  m.title = table.text_or("title", m.name);
  m.unknown = table.texts("unknown");
  check_unknown(table, m.unknown);
  const Counts counts(table, "", m.unknown);
  m.layers = counts.required("layers", {1, layers_max});
  m.hidden = counts.required("hidden", {1, width_max});
  m.vocab = counts.required("vocab", {1, entries_max});
  m.context = counts.optional("context", 0, {0, entries_max});
  const TomlTable attention = table.table("attention");
  m.attention = read_attention(attention, m.unknown);
  read_mlps(m, table, counts);
  m.activation = static_cast<Activation>(
      table.choice("activation", {"gelu", "relu-squared", "silu", "gelu-gated", "silu-gated"}, 4));
  m.norm = static_cast<Norm>(table.choice("norm", {"rms", "layer"}, 0));
  m.norms_per_layer = static_cast<int>(table.integer_or("norms_per_layer", 2, 2, 4));
  if (m.norms_per_layer == 3) table.mistake("norms_per_layer", "is 3, and must be 2 or 4");
  m.position = static_cast<Position>(table.choice("position", {"rope", "learned", "none"}, 0));
  if (m.position == Position::learned && m.context == 0)
    table.mistake("context", "learned positions need it");
  if (m.position == Position::rope) check_rotation(m.attention, attention);
  m.mlp_biases = table.boolean_or("mlp_biases", false);
  m.norm_biases = table.boolean_or("norm_biases", false);
  m.tied_embeddings = table.boolean_or("tied_embeddings", false);
  m.mtp_layers = counts.optional("mtp_layers", 0, {0, mtp_max});
  read_numerics(m, table);
  return m;
}

Model read_model_entry(const TomlTable& root, std::string name) {
  Model m = read_model(root, std::move(name));
  m.source = root.text("source");
  m.grade = static_cast<Grade>(root.choice(
      "grade", {"measured", "maker", "secondary", "derived", "fitted", "assumption"}, -1));
  m.hf_family =
      static_cast<HfFamily>(root.choice("hugging_face",
                                        {"none", "gpt2", "llama", "mixtral", "qwen3-moe",
                                         "deepseek-v3", "gpt-oss", "llama4", "nemotron", "grok-2"},
                                        0));
  m.difference = root.text_or("difference", "");
  const TomlTable published = root.table("published");
  m.published_parameters = published.number_fact("parameters");
  m.published_active_parameters = published.number_fact("active");
  return m;
}

Result<Model> parse_model(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("models/{}.toml", name)));
  Model m = read_model_entry(document->root(), std::move(name));
  RETURN_IF_ERROR(document->finish());
  return m;
}

}  // namespace celere::spec
