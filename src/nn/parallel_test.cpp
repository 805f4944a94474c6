// Every layout computes what one rank computes: from the same weights, in double, the loss of each
// micro-batch and every gradient agree to 1e-10 of their norm, and so do the weights after three
// steps. Ranks are threads of this program, which meet in memory and talk through Gloo.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/prng.hpp"
#include "layout/legal.hpp"
#include "nn/parallel_test.hpp"

namespace celere::nn {
namespace {

constexpr double tolerance = 1e-10;

void expect_close(const std::map<std::string, at::Tensor>& own,
                  const std::map<std::string, at::Tensor>& right, const std::string& what) {
  ASSERT_EQ(own.size(), right.size());
  for (const auto& [name, tensor] : right) {
    const auto found = own.find(name);
    ASSERT_NE(found, own.end()) << name;
    const double scale = tensor.norm().item<double>();
    const double difference = (found->second - tensor).norm().item<double>();
    EXPECT_LE(difference, tolerance * std::max(scale, 1e-6)) << what << " of " << name;
  }
}

void expect_same(const Trained& own, const Trained& right, const std::string& what) {
  SCOPED_TRACE(what);
  ASSERT_EQ(own.losses.size(), right.losses.size());
  for (std::size_t i = 0; i < own.losses.size(); ++i) {
    EXPECT_NEAR(own.losses[i], right.losses[i], tolerance * right.losses[i]) << "micro-batch " << i;
  }
  EXPECT_NEAR(own.balance, right.balance, tolerance * std::max(1.0, std::abs(right.balance)));
  EXPECT_NEAR(own.gradient_norm, right.gradient_norm, tolerance * right.gradient_norm);
  expect_close(own.gradients, right.gradients, "the gradient");
  expect_close(own.weights, right.weights, "the weight");
}

void check(const spec::Model& model, const layout::Layout& layout, TrainPlan plan = {}) {
  plan.micro_batches = static_cast<int>(
      layout::micro_batches(layout, plan.sequences) * layout.dp);
  plan.micro_batch = layout.micro_batch;
  const Trained right = train_alone(model, plan);
  const Trained own = train_over_ranks(model, layout, plan);
  expect_same(own, right, layout::written(layout) + " of " + model.name);
}

TEST(Parallel, data) { check(small_dense(), {.dp = 2}); }
TEST(Parallel, tensor) { check(small_dense(), {.tp = 2}); }
TEST(Parallel, sequence) { check(small_dense(), {.tp = 2, .sequence_parallel = true}); }
TEST(Parallel, pipeline) { check(small_dense(), {.pp = 2}); }
TEST(Parallel, context_ring) { check(small_dense(), {.cp = 2}); }
TEST(Parallel, context_all_gather) {
  check(small_dense(), {.cp = 2, .cp_method = layout::CpMethod::all_gather});
}
TEST(Parallel, context_all_to_all) {
  check(small_dense(), {.cp = 2, .cp_method = layout::CpMethod::all_to_all});
}
TEST(Parallel, experts) { check(small_mixture(), {.dp = 2, .ep = 2}); }
TEST(Parallel, experts_tensor) { check(small_mixture(), {.dp = 2, .etp = 2}); }
TEST(Parallel, zero_1) { check(small_dense(), {.dp = 2, .zero_stage = 1}); }
TEST(Parallel, zero_2) { check(small_dense(), {.dp = 2, .zero_stage = 2}); }
TEST(Parallel, zero_3) { check(small_dense(), {.dp = 2, .zero_stage = 3}); }

}  // namespace
}  // namespace celere::nn
