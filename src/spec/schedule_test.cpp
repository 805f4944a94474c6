#include "spec/schedule.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;

struct Read {
  Schedule schedule;
  std::string error;
};

Read read(std::string_view toml) {
  const auto document = TomlDocument::parse(toml, "x.toml");
  EXPECT_TRUE(document.ok());
  Read out;
  out.schedule = read_schedule((*document)->root());
  const Status all = (*document)->finish();
  if (!all.ok()) out.error = all.error().message;
  return out;
}

std::string error_of(std::string_view toml) { return read(toml).error; }

double factor(const Schedule& schedule, std::int64_t step, std::int64_t total) {
  return learning_rate_factor(schedule, step, total);
}

TEST(StepsOrShare, are_steps_whatever_the_training_and_shares_rounded) {
  EXPECT_EQ(StepsOrShare{.steps = 100}.of(5), 100);
  EXPECT_EQ(StepsOrShare{.share = 0.02}.of(1000), 20);
  EXPECT_EQ(StepsOrShare{.share = 0.02}.of(1024), 20);  // 20.48
  EXPECT_EQ(StepsOrShare{.share = 0.02}.of(1030), 21);  // 20.6
}

// Four steps of warm-up: 1/4, 2/4, 3/4, 1; then 1.
TEST(LearningRate, rises_in_a_line_and_stays) {
  const Schedule s{.decay = Decay::constant, .warmup = {.steps = 4}};
  EXPECT_DOUBLE_EQ(factor(s, 0, 10), 0.25);
  EXPECT_DOUBLE_EQ(factor(s, 1, 10), 0.5);
  EXPECT_DOUBLE_EQ(factor(s, 3, 10), 1);
  EXPECT_DOUBLE_EQ(factor(s, 4, 10), 1);
  EXPECT_DOUBLE_EQ(factor(s, 9, 10), 1);
}

// Two steps of warm-up leave eight. Step 2: cos 0 = 1; step 6 is half of the way: cos(pi / 2) = 0,
// so 0.1 + 0.9 / 2; step 8 is three quarters: (1 - sqrt(1/2)) / 2 = 0.146447, so 0.1 + 0.9 of it.
TEST(LearningRate, falls_along_a_half_cosine) {
  const Schedule s{.decay = Decay::cosine, .warmup = {.steps = 2}, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(factor(s, 1, 10), 1);
  EXPECT_DOUBLE_EQ(factor(s, 2, 10), 1);
  EXPECT_NEAR(factor(s, 6, 10), 0.55, 1e-12);
  EXPECT_NEAR(factor(s, 8, 10), 0.1 + 0.9 * 0.1464466, 1e-7);
}

// The last 70 % of ten steps are steps 3 to 9, each a seventh lower: 1, 6/7, ..., 1/7.
TEST(LearningRate, stays_and_falls_in_a_line) {
  const Schedule s{.decay = Decay::stable,
                   .warmup = {.steps = 1},
                   .decay_over = {.share = 0.7},
                   .final_share = 0};
  EXPECT_DOUBLE_EQ(factor(s, 0, 10), 1);
  EXPECT_DOUBLE_EQ(factor(s, 2, 10), 1);
  EXPECT_DOUBLE_EQ(factor(s, 3, 10), 1);
  EXPECT_NEAR(factor(s, 4, 10), 6. / 7, 1e-12);
  EXPECT_NEAR(factor(s, 9, 10), 1. / 7, 1e-12);
}

// A warm-up longer than the training is all there is, cut to its length; a decay longer than what
// the warm-up leaves begins behind it: of 4 steps, 2 of warm-up, then 1 and 1/2.
TEST(LearningRate, of_a_training_shorter_than_its_schedule) {
  const Schedule warming{.decay = Decay::cosine, .warmup = {.steps = 100}};
  EXPECT_DOUBLE_EQ(factor(warming, 0, 4), 0.25);
  EXPECT_DOUBLE_EQ(factor(warming, 3, 4), 1);
  const Schedule falling{.decay = Decay::stable,
                         .warmup = {.steps = 2},
                         .decay_over = {.steps = 50},
                         .final_share = 0};
  EXPECT_DOUBLE_EQ(factor(falling, 1, 4), 1);
  EXPECT_DOUBLE_EQ(factor(falling, 2, 4), 1);
  EXPECT_DOUBLE_EQ(factor(falling, 3, 4), 0.5);
}

TEST(ScheduleTable, is_read_as_written) {
  const Read all = read(R"(kind = "stable-decay"
learning_rate = 0.01
warmup = "2 %"
decay = "70%"
final = 0
weight_decay = 0.2
beta1 = 0.8
beta2 = 0.99
epsilon = 1e-10
clip = 0
seed = 7
muon = { learning_rate = 0.03, weight_decay = 0.01, momentum = 0.9, iterations = 6 }
)");
  EXPECT_EQ(all.error, "");
  const Schedule& s = all.schedule;
  EXPECT_EQ(s.decay, Decay::stable);
  EXPECT_EQ(s.learning_rate, 0.01);
  EXPECT_EQ(s.embedding_learning_rate, 0.01);  // where the file is silent, the same
  EXPECT_NEAR(s.warmup.share, 0.02, 1e-15);
  EXPECT_EQ(s.warmup.steps, 0);
  EXPECT_NEAR(s.decay_over.share, 0.7, 1e-15);
  EXPECT_EQ(s.final_share, 0);
  EXPECT_EQ(s.weight_decay, 0.2);
  EXPECT_EQ(s.beta1, 0.8);
  EXPECT_EQ(s.beta2, 0.99);
  EXPECT_EQ(s.epsilon, 1e-10);
  EXPECT_EQ(s.clip, 0);
  EXPECT_EQ(s.seed, 7u);
  EXPECT_EQ(s.muon.learning_rate, 0.03);
  EXPECT_EQ(s.muon.weight_decay, 0.01);
  EXPECT_EQ(s.muon.momentum, 0.9);
  EXPECT_EQ(s.muon.iterations, 6);
  EXPECT_EQ(read("warmup = \"1 step\"\n").schedule.warmup.steps, 1);
}

TEST(ScheduleTable, steps_and_shares_carry_their_unit) {
  EXPECT_EQ(error_of("warmup = 100\n"),
            "x.toml:1: warmup: must be a text with its unit, such as \"100 steps\" or \"2 %\"");
  for (const char* wrong : {"100", "-1 steps", "1.5 steps", "101 %", "-1 %", "nan %", " steps"}) {
    EXPECT_THAT(error_of(fmt::format("warmup = \"{}\"\n", wrong)),
                HasSubstr("is neither a whole number of steps nor a share"))
        << wrong;
  }
}

TEST(ScheduleTable, refuses_what_its_kind_does_not_obey) {
  EXPECT_EQ(error_of("kind = \"cosine\"\ndecay = \"10 %\"\n"),
            "x.toml:2: decay: is of kind = \"stable-decay\" alone");
  EXPECT_THAT(error_of("kind = \"constant\"\nfinal = 0.1\n"), HasSubstr("x.toml:2: final: is of"));
  EXPECT_EQ(error_of("kind = \"stable-decay\"\nwarmup = \"40 %\"\ndecay = \"70 %\"\n"),
            "x.toml:3: decay: 70 % of the training and a warm-up of 40 % are more than all of it");
}

TEST(ScheduleTable, refuses_rates_and_moments_out_of_range) {
  EXPECT_THAT(error_of("learning_rate = -1\n"), HasSubstr("x.toml:1: learning_rate: is -1"));
  EXPECT_THAT(error_of("beta2 = 1.0\n"), HasSubstr("x.toml:1: beta2: is 1"));
  EXPECT_THAT(error_of("muon = { iterations = 0 }\n"),
              HasSubstr("x.toml:1: muon.iterations: is 0"));
  EXPECT_THAT(error_of("seed = -1\n"), HasSubstr("x.toml:1: seed: is -1"));
}

}  // namespace
}  // namespace celere::spec
