// The fast forms of all operators against the plain ones in double, through whole models: the loss
// and the gradient of every weight.
#include "nn/decoder.hpp"

#include <gtest/gtest.h>

#include "spec/catalog.hpp"

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

struct Case {
  const char* name;
  spec::Model model;
};

std::vector<Case> cases() {
  std::vector<Case> out;
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

// Two sequences of 37 positions with a document boundary inside one of them, some rows uncounted.
Batch odd_batch(const spec::Model& model) {
  at::manual_seed(3);
  Batch batch = plain_batch(at::randint(0, model.vocab, {2, 38}, at::kLong), model.bigram_embeddings);
  for (std::int64_t i = 12; i < 37; ++i) {
    batch.start[i] = 12;
    batch.position[i] = i - 12;
  }
  for (const std::int64_t i : {0, 11, 40}) batch.counted[i] = 0;
  return batch;
}

struct Outcome {
  double loss = 0;
  std::vector<at::Tensor> gradients;
};

Outcome run(const spec::Model& model, Types types, const kernels::Table* table) {
  Parameters parameters(model, types, at::kCPU);
  parameters.initialise(model, 7);
  for (const Parameter& p : parameters.all()) {
    // Norms and biases away from one and zero, or their part in a product would not be seen.
    if (p.what.type == spec::TensorType::norm || p.what.type == spec::TensorType::bias ||
        p.what.name.ends_with("value_embedding") || p.what.name.ends_with("bigrams")) {
      at::manual_seed(static_cast<std::uint64_t>(p.offset));
      p.value.detach().add_(at::randn(p.what.shape, at::kFloat), 0.2);
    }
  }
  parameters.refresh();
  const Decoder decoder(model, parameters, Ops(types, table), 64);
  const Losses losses = decoder.loss(odd_batch(model), {.head = 1.0 / 71, .balance = 0.5});
  losses.total().backward();
  Outcome out{losses.total().item<double>(), {}};
  for (const Parameter& p : parameters.all()) out.gradients.push_back(p.value.grad().to(at::kDouble));
  return out;
}

// Gradients that are zero but for rounding (a bias on the keys moves all scores alike) are held
// against `least`.
void compare(const Case& c, const Outcome& fast, const Outcome& plain, double tolerance,
             double least) {
  EXPECT_NEAR(fast.loss, plain.loss, tolerance * std::abs(plain.loss)) << c.name;
  const std::vector<spec::Tensor> inventory = spec::tensors(c.model);
  for (std::size_t i = 0; i < inventory.size(); ++i) {
    const double size = plain.gradients[i].norm().item<double>();
    const double off = (fast.gradients[i] - plain.gradients[i]).norm().item<double>();
    EXPECT_LE(off, tolerance * std::max(size, least)) << c.name << " " << inventory[i].name;
    const bool unused = inventory[i].name.ends_with("router_bias") && !c.model.experts->biases;
    if (!unused) {
      EXPECT_GT(size, 0) << c.name << " " << inventory[i].name;
    }
  }
}

TEST(Decoder, fast_forms_equal_plain_ones_in_double) {
  for (const Case& c : cases()) {
    const Outcome plain = run(c.model, {at::kDouble, at::kDouble}, nullptr);
    const Types single{at::kFloat, at::kFloat};
    compare(c, run(c.model, single, nullptr), plain, 2e-5, 1e-3);
    for (const auto capability : {kernels::Capability::avx2, kernels::Capability::avx512}) {
      if (capability > kernels::capability_here()) continue;
      compare(c, run(c.model, single, &kernels::table_of(capability)), plain, 2e-5, 1e-3);
    }
  }
}

// bfloat16 has 8 bits: a product is off by 2^-9 at most, relative; sums of many by less than the
// bound here.
TEST(Decoder, bfloat16_is_near) {
  if (kernels::capability_here() == kernels::Capability::plain) GTEST_SKIP();
  const kernels::Table& table = kernels::table_of(kernels::capability_here());
  for (const Case& c : cases()) {
    if (c.model.experts) continue;  // near ties of the router fall the other way
    const Outcome plain = run(c.model, {at::kDouble, at::kDouble}, nullptr);
    compare(c, run(c.model, {at::kFloat, at::kBFloat16}, &table), plain, 0.05, 1e-2);
  }
}

// Token by token through the cache equals all at once.
TEST(Decoder, cached_steps_equal_whole_sequences) {
  const at::NoGradGuard quiet;
  for (const Case& c : cases()) {
    if (c.model.experts && c.model.experts->capacity > 0) continue;  // drops depend on the batch
    const Types types{at::kDouble, at::kDouble};
    Parameters parameters(c.model, types, at::kCPU);
    parameters.initialise(c.model, 7);
    const Decoder decoder(c.model, parameters, Ops(types, nullptr), 64);
    at::manual_seed(5);
    const at::Tensor tokens = at::randint(0, c.model.vocab, {1, 14}, at::kLong);
    const at::Tensor whole = decoder.logits(plain_batch(tokens, c.model.bigram_embeddings));
    Cache cache = decoder.make_cache(16);
    // Five at once, then one by one.
    at::Tensor logits = decoder.next_logits(tokens[0].narrow(0, 0, 5), -1, cache);
    for (std::int64_t i = 5; i < 13; ++i) {
      EXPECT_LE((logits - whole[i - 1]).abs().max().item<double>(), 1e-12) << c.name;
      logits = decoder.next_logits(tokens[0].narrow(0, i, 1), tokens[0][i - 1].item<std::int64_t>(),
                                   cache);
    }
  }
}

TEST(Decoder, names_the_layer_that_is_not_finite) {
  const spec::Model model = tiny();
  const Types types{at::kFloat, at::kFloat};
  Parameters parameters(model, types, at::kCPU);
  parameters.initialise(model, 7);
  const Decoder decoder(model, parameters, Ops(types, nullptr), 64);
  const Batch batch = odd_batch(model);
  EXPECT_EQ(decoder.first_not_finite(batch), std::nullopt);
  parameters["layers.1.mlp.w2"].value.detach()[3][2] = std::nan("");
  EXPECT_EQ(decoder.first_not_finite(batch), 1);
}

}  // namespace
}  // namespace celere::nn
