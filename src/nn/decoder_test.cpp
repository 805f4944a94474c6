// The fast forms of all operators against the plain ones in double, through whole models: the loss
// and the gradient of every weight.
#include "nn/decoder.hpp"

#include <gtest/gtest.h>

#include "nn/test_models.hpp"

namespace celere::nn {
namespace {

struct Outcome {
  double loss = 0;
  std::vector<at::Tensor> gradients;
};

Outcome run(const spec::Model& model, Types types, const kernels::Table* table,
            const Batch& batch) {
  Parameters parameters(model, types, at::kCPU);
  draw_all(model, parameters);
  const Decoder decoder(model, parameters, Ops(types, table), 64);
  const Losses losses = decoder.loss(batch, {.head = 1.0 / 71, .balance = 0.5});
  losses.total().backward();
  Outcome out{losses.total().item<double>(), {}};
  for (const Parameter& p : parameters.all())
    out.gradients.push_back(p.value.grad().to(at::kDouble));
  return out;
}

Outcome run(const spec::Model& model, Types types, const kernels::Table* table) {
  return run(model, types, table, odd_batch(model));
}

// Gradients that are zero but for rounding (a bias on the keys moves all scores alike) are held
// against `least`.
void compare(const TestModel& c, const Outcome& fast, const Outcome& plain, double tolerance,
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
  for (const TestModel& c : test_models()) {
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
  for (const TestModel& c : test_models()) {
    if (c.model.experts) continue;  // near ties of the router fall the other way
    const Outcome plain = run(c.model, {at::kDouble, at::kDouble}, nullptr);
    compare(c, run(c.model, {at::kFloat, at::kBFloat16}, &table), plain, 0.05, 1e-2);
  }
}

// Of 74 rows 19 count, here and there: the head leaves out ten and computes 64.
TEST(Decoder, fast_forms_equal_plain_ones_where_few_rows_count) {
  if (kernels::capability_here() == kernels::Capability::plain) GTEST_SKIP();
  const kernels::Table& table = kernels::table_of(kernels::capability_here());
  const TestModel c = test_models().front();
  const Batch batch = odd_batch(c.model);
  batch.counted.zero_();
  for (std::int64_t row = 1; row < 74; row += 4) batch.counted[row] = 1;
  const Outcome plain = run(c.model, {at::kDouble, at::kDouble}, nullptr, batch);
  compare(c, run(c.model, {at::kFloat, at::kFloat}, &table, batch), plain, 2e-5, 1e-3);
}

// A micro-batch of questions alone: nothing is asked, so nothing is learned.
TEST(Decoder, without_a_row_that_counts_nothing_has_a_gradient) {
  if (kernels::capability_here() == kernels::Capability::plain) GTEST_SKIP();
  const TestModel c = test_models().front();
  const Types single{at::kFloat, at::kFloat};
  Parameters parameters(c.model, single, at::kCPU);
  draw_all(c.model, parameters);
  const Ops ops(single, &kernels::table_of(kernels::capability_here()));
  const Decoder decoder(c.model, parameters, ops, 64);
  const Batch batch = odd_batch(c.model);
  batch.counted.zero_();
  const Losses losses = decoder.loss(batch, {.head = 1, .balance = 0});
  losses.total().backward();
  EXPECT_EQ(losses.head.item<double>(), 0);
  for (const auto& bucket : parameters.buckets()) {
    EXPECT_EQ(bucket->gradients().abs().max().item<double>(), 0);
  }
}

// A step of every tensor along its gradient changes the loss by what the gradient says:
//   (loss(w + e d) - loss(w - e d)) / 2 e = g . d,  d = g / |g|, whose error is of order e^2.
TEST(Decoder, gradients_equal_finite_differences) {
  for (const TestModel& c : test_models()) {
    const Types types{at::kDouble, at::kDouble};
    Parameters parameters(c.model, types, at::kCPU);
    draw_all(c.model, parameters);
    const Decoder decoder(c.model, parameters, Ops(types, nullptr), 64);
    const Batch batch = odd_batch(c.model);
    const LossScale scale{.head = 1.0 / 71, .balance = 0.5};
    decoder.loss(batch, scale).total().backward();
    const at::NoGradGuard quiet;
    for (const Parameter& p : parameters.all()) {
      const double slope = p.value.grad().norm().item<double>();
      if (slope < 1e-9) continue;  // of what only chooses
      const at::Tensor direction = p.value.grad() / slope;
      const double e = 1e-6;
      p.value.add_(direction, e);
      const double above = decoder.loss(batch, scale).total().item<double>();
      p.value.sub_(direction, 2 * e);
      const double below = decoder.loss(batch, scale).total().item<double>();
      p.value.add_(direction, e);
      EXPECT_NEAR((above - below) / (2 * e), slope, 2e-5 * std::max(slope, 1e-2))
          << c.name << " " << p.what.name;
    }
  }
}

// Token by token through the cache equals all at once.
TEST(Decoder, cached_steps_equal_whole_sequences) {
  const at::NoGradGuard quiet;
  for (const TestModel& c : test_models()) {
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
  const spec::Model model = test_models().front().model;
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
