#include "train/steps.hpp"

#include <gtest/gtest.h>

namespace celere::train {
namespace {

// 1,000 tokens in sequences of 10 are 100 samples; 16 a step: 7 steps, the last begins at 96.
TEST(Steps, a_fixed_batch_rounds_up) {
  spec::Batch batch;
  batch.phases = {{Tokens{}, 16}};
  const auto steps = Steps::make(batch, 10, 1000);
  ASSERT_TRUE(steps.ok());
  EXPECT_EQ(steps->total(), 7);
  EXPECT_EQ(steps->at(6).first, 96);
  EXPECT_EQ(steps->at(6).count, 16);
}

// 4 samples a step until 250 tokens (25 samples: 7 steps to sample 28), then 8 up to 100 samples: 9
// more steps, from 28 to 100.
TEST(Steps, a_ramp_changes_at_the_next_step) {
  spec::Batch batch;
  batch.kind = spec::BatchKind::ramp;
  batch.phases = {{Tokens{}, 4}, {Tokens::of(250), 8}};
  const auto steps = Steps::make(batch, 10, 1000);
  ASSERT_TRUE(steps.ok());
  EXPECT_EQ(steps->total(), 16);
  EXPECT_EQ(steps->at(6).first, 24);
  EXPECT_EQ(steps->at(7).first, 28);
  EXPECT_EQ(steps->at(7).count, 8);
  EXPECT_EQ(steps->at(15).first, 92);
}

// A phase that the one before oversteps takes no step: 64 samples a step pass 100 tokens at once.
TEST(Steps, a_phase_may_be_overstepped) {
  spec::Batch batch;
  batch.kind = spec::BatchKind::ramp;
  batch.phases = {{Tokens{}, 64}, {Tokens::of(100), 8}, {Tokens::of(200), 1}};
  const auto steps = Steps::make(batch, 10, 660);
  ASSERT_TRUE(steps.ok());
  EXPECT_EQ(steps->total(), 3);  // 64, then one by one: samples 64 and 65
  EXPECT_EQ(steps->at(1).first, 64);
  EXPECT_EQ(steps->at(1).count, 1);
}

TEST(Steps, a_range_is_refused) {
  spec::Batch batch;
  batch.kind = spec::BatchKind::range;
  EXPECT_FALSE(Steps::make(batch, 10, 660).ok());
}

}  // namespace
}  // namespace celere::train
