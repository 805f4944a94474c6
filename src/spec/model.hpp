// A model of the catalogue: its shape, and through tensors() its complete inventory.
//
// A model *is* its list of tensors: memory, trainer, checkpoints and exports all read that one
// list. Names are ours, Llama-style ("layers.3.attention.wq"); spec/hf_names.hpp maps them to
// Hugging Face's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "spec/fact.hpp"

namespace celere::spec {

// grouped: multi-head, GQA and MQA; latent: MLA [DeepSeek-V2 2024].
enum class AttentionKind : std::uint8_t { grouped, latent };
enum class Norm : std::uint8_t { rms, layer };
enum class Activation : std::uint8_t { gelu, relu_squared, silu, gelu_gated, silu_gated };
enum class Position : std::uint8_t { rope, learned, none };

// How Hugging Face calls a checkpoint's tensors: transformers' model_type, and Grok-2's own.
enum class HfFamily : std::uint8_t {
  none,
  gpt2,
  llama,
  mixtral,
  qwen3_moe,
  deepseek_v3,  // and deepseek_v2
  gpt_oss,
  llama4,
  nemotron,
  grok_2
};

struct Attention {
  AttentionKind kind = AttentionKind::grouped;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;   // of queries and keys (latent: nope + rope)
  int value_dim = 0;  // of values; head_dim unless latent says otherwise
  // Latent attention (DeepSeek-V2): 0 elsewhere. query_rank 0: queries are not compressed.
  int query_rank = 0;
  int kv_rank = 0;
  int rope_dim = 0;
  bool query_key_norm = false;  // an RMS norm on each head's query and key (Qwen3)
  bool biases = false;          // on the query, key and value projections
  bool output_bias = false;
  bool sinks = false;         // one learned logit a head (gpt-oss)
  double rope_theta = 10000;  // base of the rotary frequencies
  double rope_share = 1;      // of head_dim, from its front, that rotates (Nemotron: 0.5)
  double scale = 0;           // of the scores before the softmax; 0: 1 / sqrt(head_dim)
  double soft_cap = 0;        // scores become cap tanh(score / cap) (Grok-1: 30; 0: none)
};

enum class Scoring : std::uint8_t { softmax, sigmoid };

// The mixture of experts of the layers that have one.
struct Experts {
  int count = 0;
  int top_k = 0;
  int ffn = 0;               // width of one expert
  int shared_ffn = 0;        // total width of the shared experts (0: none)
  int dense_branch_ffn = 0;  // a dense branch beside the experts (Grok-2: residual_moe; 0: none)
  int every = 1;             // every n-th layer has experts: those with index % every == every - 1
  int first_dense = 0;       // the first so many layers have none
  int groups = 0;            // the experts in groups of equal size (0: none)
  int group_limit = 0;       // a token's experts lie in at most so many groups (0: no limit)
  bool router_bias = false;  // a bias an expert that only balances (DeepSeek-V3)
  bool biases = false;       // on the experts' own products (gpt-oss)
  Scoring scoring = Scoring::softmax;
  bool normalise = true;    // the chosen experts' weights sum to one (Mixtral; Grok-1: no)
  double scale = 1;         // of the chosen weights (DeepSeek-V3: 2.5)
  double balance_loss = 0;  // coefficient of the load-balance loss [Fedus et al. 2021, eq. 4]
  double capacity = 0;  // slots an expert over the even share; what is over is dropped (0: none)
};

struct Model {
  std::string name;  // "grok-1": the file's name
  std::string title;
  int layers = 0;
  int hidden = 0;
  int ffn = 0;  // of layers without experts; 0 where every layer has them
  int vocab = 0;
  int context = 0;  // longest sequence it is made for
  Attention attention;
  std::optional<Experts> experts;
  Activation activation = Activation::silu_gated;
  Norm norm = Norm::rms;
  int norms_per_layer = 2;  // 4: also behind attention and behind the MLP (Grok-1)
  Position position = Position::rope;
  bool mlp_biases = false;
  bool norm_biases = false;
  bool tied_embeddings = false;
  int mtp_layers = 0;  // multi-token prediction modules (DeepSeek-V3: 1)
  double norm_epsilon = 1e-5;
  double embedding_scale = 1;  // of the embedding's outputs (Grok-1: 78.4)
  double logit_scale = 1;      // (Grok-1: 0.577)
  double logit_soft_cap = 0;   // logits become cap tanh(logit / cap) (0: none)
  // Layers whose values get an embedding of the token added [modded-nanogpt 2024]; ascending.
  std::vector<int> value_embeddings;
  // Rows of an embedding of hashed pairs (token before, token), added to the tokens' (0: none).
  int bigram_embeddings = 0;
  // Of the normal distribution that weights are drawn from; products that bring the stream back
  // (wo, w2) get initial_std / sqrt(2 layers) [GPT-2], or zero.
  double initial_std = 0.02;
  bool zero_output_projections = false;

  HfFamily hf_family = HfFamily::none;  // none: no checkpoint there, or one of unknown names
  Fact<double> published_parameters;    // as printed by its makers
  Fact<double> published_active_parameters;
  std::string difference;  // what the entry says where our count differs from the published one
  std::string source;
  Grade grade = Grade::assumption;
  // Names of what the source does not give. Not empty: the model is listed, and cannot be planned
  // yet.
  std::vector<std::string> unknown;

  bool gated() const {
    return activation == Activation::gelu_gated || activation == Activation::silu_gated;
  }
  bool has_experts(int layer) const;  // layer in [0, layers)
  int expert_layers() const;          // how many layers have experts
  bool has_value_embedding(int layer) const;
};

enum class TensorType : std::uint8_t { weight, norm, bias, embedding, router, expert };

// How a tensor is cut: the dimension that an axis divides, or -1 where each rank of it holds the
// whole.
struct ShardRule {
  int tp = -1;   // by tensor parallel
  int ep = -1;   // by expert parallel
  int etp = -1;  // by tensor parallel inside an expert
};

struct Tensor {
  std::string name;
  // Global; [out, in] for a linear layer, [experts, out, in] for experts.
  std::vector<std::int64_t> shape;
  TensorType type = TensorType::weight;
  ShardRule shard;
  // -1: embedding, head or final norm; model.layers + i: multi-token prediction module i.
  int layer = -1;

  std::int64_t count() const;
  // A weight of a product inside a layer: what a product in 8 or 4 bits reads, and what Muon steps.
  // Embeddings, head, router, norms and biases are not.
  bool is_layer_matrix() const { return type == TensorType::weight || type == TensorType::expert; }
};

// Every tensor of the model, in the order of the forward pass. REQUIRES: model.unknown is empty.
std::vector<Tensor> tensors(const Model& model);

struct ParameterCount {
  std::int64_t total = 0;
  std::int64_t active =
      0;                 // what one token passes: top_k of the experts; embeddings and head count
  std::int64_t mtp = 0;  // of the multi-token prediction modules, not inside total or active
  std::int64_t embedding = 0;  // what is looked up: tokens, positions, pairs, values; not the head
};
ParameterCount count_parameters(const Model& model);

class TomlTable;
// The shape of a model in a table: of a catalogue entry, or of a run file. Mistakes are noted in
// the table's document; a model without any has a parameter count that fits std::int64_t.
Model read_model(const TomlTable& table, std::string name);

// The same with what only an entry of the catalogue has: source, grade, published counts.
Model read_model_entry(const TomlTable& root, std::string name);

// Errors: bad_input with file, line and key.
Result<Model> parse_model(std::string_view toml, std::string name);

}  // namespace celere::spec
