#include "nn/test_models.hpp"

#include <ATen/CPUGeneratorImpl.h>

namespace celere::nn {
namespace {

spec::Model tiny() {
  spec::Model m;
  m.name = "tiny";
  m.layers = 2;
  m.hidden = 48;
  m.ffn = 80;
  m.vocab = 101;
  m.context = 64;
  m.attention.heads = 4;
  m.attention.kv_heads = 2;
  m.attention.head_dim = 20;
  m.attention.value_dim = 20;
  m.initial_std = 0.15;
  return m;
}

}  // namespace

std::vector<TestModel> test_models() {
  std::vector<TestModel> out;
  out.push_back({"llama", tiny()});
  spec::Model m = tiny();
  m.norm = spec::Norm::layer;
  m.norm_biases = m.mlp_biases = m.attention.biases = m.attention.output_bias = true;
  m.position = spec::Position::learned;
  m.activation = spec::Activation::gelu;
  m.tied_embeddings = true;
  m.attention.kv_heads = 4;
  out.push_back({"gpt2", m});
  m = tiny();
  m.activation = spec::Activation::gelu_gated;
  m.norms_per_layer = 4;
  m.embedding_scale = 3;
  m.logit_scale = 0.6;
  m.attention.soft_cap = 5;
  m.experts = spec::Experts{};
  m.experts->count = 4;
  m.experts->top_k = 2;
  m.experts->ffn = 56;
  m.experts->normalise = false;
  m.experts->dense_branch_ffn = 40;
  m.experts->balance_loss = 0.02;
  out.push_back({"grok", m});
  m = tiny();
  m.activation = spec::Activation::relu_squared;
  m.attention.query_key_norm = true;
  m.attention.scale = 0.12;
  m.value_embeddings = {0, 1};
  m.bigram_embeddings = 64;
  m.logit_soft_cap = 4;
  m.tied_embeddings = true;
  out.push_back({"recipe", m});
  m = tiny();
  m.attention.kind = spec::AttentionKind::latent;
  m.attention.query_rank = 24;
  m.attention.kv_rank = 16;
  m.attention.rope_dim = 8;
  m.attention.head_dim = 20;
  m.attention.value_dim = 12;
  m.experts = spec::Experts{};
  m.experts->count = 8;
  m.experts->top_k = 3;
  m.experts->ffn = 24;
  m.experts->shared_ffn = 24;
  m.experts->first_dense = 1;
  m.experts->groups = 4;
  m.experts->group_limit = 2;
  m.experts->router_bias = true;
  m.experts->scoring = spec::Scoring::sigmoid;
  m.experts->scale = 2.5;
  m.experts->capacity = 1.1;
  out.push_back({"deepseek", m});
  m = tiny();
  m.attention.sinks = m.attention.biases = m.attention.output_bias = true;
  m.attention.rope_share = 0.5;
  m.experts = spec::Experts{};
  m.experts->count = 4;
  m.experts->top_k = 2;
  m.experts->ffn = 24;
  m.experts->biases = true;
  out.push_back({"gpt_oss", m});
  return out;
}

Batch odd_batch(const spec::Model& model) {
  at::manual_seed(3);
  Batch batch =
      plain_batch(at::randint(0, model.vocab, {2, 38}, at::kLong), model.bigram_embeddings);
  for (std::int64_t i = 12; i < 37; ++i) {
    batch.start[i] = 12;
    batch.position[i] = i - 12;
  }
  for (const std::int64_t i : {0, 11, 40}) batch.counted[i] = 0;
  return batch;
}

void draw_all(const spec::Model& model, Parameters& parameters) {
  parameters.initialise(model, 7);
  const at::NoGradGuard quiet;
  for (const auto& bucket : parameters.buckets()) bucket->need_values();
  for (const Parameter& p : parameters.all()) {
    if (p.what.type == spec::TensorType::norm || p.what.type == spec::TensorType::bias ||
        p.what.name.ends_with("value_embedding") || p.what.name.ends_with("bigrams")) {
      // Of the whole, whatever part is held: the same for every layout.
      const auto generator =
          at::make_generator<at::CPUGeneratorImpl>(std::hash<std::string>{}(p.what.name));
      at::Tensor drawn = at::randn(p.what.shape, generator, at::TensorOptions().dtype(at::kFloat));
      for (std::size_t d = 0; d < p.what.shape.size(); ++d) {
        drawn = drawn.narrow(static_cast<std::int64_t>(d), p.held.slice.offset[d],
                             p.held.slice.extent[d]);
      }
      p.value.detach().add_(drawn, 0.2);
    }
  }
  parameters.values_changed();
}

}  // namespace celere::nn
