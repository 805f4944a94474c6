#include "study/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.hpp"

namespace celere::study {
namespace {

using By = Crossing::By;

// A life of `days` at an even pace from `begins` on, that costs so many millions.
life::End end_of(double begins, double days, double millions) {
  life::End out{.time = days * 1_days, .done = true, .dollars = Dollars::of(millions * 1e6)};
  for (int i = 1; i <= life::milestones; ++i) {
    const double at = begins + (days - begins) * i / life::milestones;
    out.reached.push_back(life::nanoseconds(at * 1_days));
  }
  return out;
}

struct Lives {
  const char* cluster;
  std::vector<life::End> ends;
};

Comparison judged(std::vector<Lives> list) {
  Comparison out;
  for (Lives& lives : list) {
    Contender one{.cluster = lives.cluster, .title = lives.cluster};
    one.plan = std::make_unique<plan::Plan>();
    one.plan->tokens = Tokens::of(100e12);
    life::Forecast forecast;
    forecast.built.scene.charges.price = DollarsPerSecond::of(1);
    std::vector<double> times, dollars;
    for (const life::End& end : lives.ends) {
      if (!end.done) continue;
      times.push_back(end.time.in_base());
      dollars.push_back(end.dollars->in_base());
    }
    forecast.summary.done = static_cast<int>(times.size());
    if (!times.empty()) {
      forecast.summary.time = life::quantiles_of(times);
      forecast.summary.dollars = life::quantiles_of(dollars);
    }
    forecast.ends = std::move(lives.ends);
    one.forecast = std::move(forecast);
    out.contenders.push_back(std::move(one));
  }
  judge(out);
  return out;
}

std::vector<Crossing> crossings_of(const Comparison& comparison, By by) {
  std::vector<Crossing> out;
  for (const Crossing& crossing : comparison.crossings) {
    if (crossing.by == by) out.push_back(crossing);
  }
  return out;
}

// "rented" takes 400 days from day 0 on, "built" begins on day 100 and is done on day 200: with a
// share x of the tokens they take 400 x and 100 + 100 x, which is equal at x = 1/3. Built is 200
// days ahead, so it may come 200 days later. It costs 300 M$, the other 450: 1.5 times its price.
TEST(Comparison, flips_where_it_does_by_hand) {
  const Comparison comparison =
      judged({{"rented", {end_of(0, 400, 450)}}, {"built", {end_of(100, 200, 300)}}});
  EXPECT_THAT(comparison.by_time, testing::ElementsAre(1, 0));
  EXPECT_THAT(comparison.by_dollars, testing::ElementsAre(1, 0));
  EXPECT_EQ(comparison.before[1][0], 1);
  EXPECT_EQ(comparison.before[0][1], 0);
  EXPECT_EQ(comparison.cheaper[1][0], 1);
  const auto tokens = crossings_of(comparison, By::tokens);
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens[0].one, 0u);
  EXPECT_EQ(tokens[0].other, 1u);
  EXPECT_NEAR(tokens[0].at, 100e12 / 3, 0.01e12);
  const auto delay = crossings_of(comparison, By::delay);
  ASSERT_EQ(delay.size(), 1u);
  EXPECT_EQ(delay[0].one, 1u);
  EXPECT_NEAR(delay[0].at, 200 * 86400, 1);
  const auto price = crossings_of(comparison, By::price);
  ASSERT_EQ(price.size(), 1u);
  EXPECT_EQ(price[0].one, 1u);
  EXPECT_NEAR(price[0].at, 1.5, 1e-9);
}

// 100 + 100 x is above 90 x whatever x is.
TEST(Comparison, who_is_ahead_whatever_the_tokens_has_no_crossing) {
  const Comparison comparison =
      judged({{"late", {end_of(100, 200, 1)}}, {"soon", {end_of(0, 90, 1)}}});
  EXPECT_THAT(crossings_of(comparison, By::tokens), testing::IsEmpty());
}

// Beyond the run's tokens: 100 + 100 x and 150 x meet at x = 2, which the pace of the last eighth
// says.
TEST(Comparison, goes_on_beyond_the_runs_tokens) {
  const Comparison comparison =
      judged({{"late", {end_of(100, 200, 1)}}, {"soon", {end_of(0, 150, 1)}}});
  const auto tokens = crossings_of(comparison, By::tokens);
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens[0].one, 1u);
  EXPECT_NEAR(tokens[0].at, 200e12, 0.1e12);
}

// World by world: 10 against 20, 30 against 20, 20 against 20, and one that never ends against 20:
// ahead in one, behind in two, level in one.
TEST(Comparison, counts_world_by_world) {
  life::End never = end_of(0, 99, 1);
  never.done = false;
  const life::End twenty = end_of(0, 20, 1);
  const Comparison comparison = judged({{"a", {end_of(0, 10, 1), end_of(0, 30, 1), twenty, never}},
                                        {"b", {twenty, twenty, twenty, twenty}}});
  EXPECT_DOUBLE_EQ(comparison.before[0][1], 1.5 / 4);
  EXPECT_DOUBLE_EQ(comparison.before[1][0], 2.5 / 4);
}

// One of three lives ends, after 10 days: in half of all it never does, so 20 days come first.
TEST(Comparison, who_mostly_never_ends_is_last) {
  life::End never = end_of(0, 99, 1);
  never.done = false;
  const life::End twenty = end_of(0, 20, 5);
  const Comparison comparison =
      judged({{"a", {end_of(0, 10, 1), never, never}}, {"b", {twenty, twenty, twenty}}});
  EXPECT_THAT(comparison.by_time, testing::ElementsAre(1, 0));
  EXPECT_THAT(comparison.by_dollars, testing::ElementsAre(1, 0));
}

TEST(Comparison, never_is_no_answer_of_a_price) {
  life::End never = end_of(0, 99, 1);
  never.done = false;
  const Comparison comparison = judged({{"a", {never}}, {"b", {end_of(0, 20, 5)}}});
  EXPECT_THAT(comparison.by_time, testing::ElementsAre(1));
  EXPECT_EQ(comparison.before[1][0], 1);
  EXPECT_FALSE(comparison.cheaper[0][1].has_value());
  EXPECT_THAT(comparison.crossings, testing::IsEmpty());
}

spec::Run small_run() {
  return *spec::parse_run(R"([run]
name = "test"
[model]
use = "llama-2-7b"
[train]
tokens = "100 G tokens"
sequence = 4096
batch = "1024 sequences"
precision = "bf16"
optimizer = "adamw"
[cluster]
use = "eos-h100"
start = 2024-07-09
)",
                          "test.toml");
}

class CompareTest : public testing::Test {
 protected:
  Result<Comparison> compare(const spec::Run& run, const std::vector<std::string>& clusters) {
    return study::compare(run, clusters, spec::Catalog(*files_, {}),
                          {.replicas = 8, .tune = false, .shift = false}, threads_);
  }
  std::unique_ptr<Files> files_ = local_files();
  ThreadPool threads_;
};

// The same cluster with twice the GPUs does the same training in less time, in every world.
TEST_F(CompareTest, twice_the_gpus_end_first) {
  const auto comparison = compare(small_run(), {"eos-h100:256", "eos-h100:512"});
  ASSERT_TRUE(comparison.ok()) << comparison.error().text();
  EXPECT_THAT(comparison->by_time, testing::ElementsAre(1, 0));
  EXPECT_EQ(comparison->before[1][0], 1);
}

TEST_F(CompareTest, who_has_too_little_memory_is_named) {
  spec::Run run = small_run();
  run.model_name = "llama-3.1-405b";
  const auto comparison = compare(run, {"eos-h100:8", "eos-h100:4096"});
  ASSERT_TRUE(comparison.ok()) << comparison.error().text();
  EXPECT_FALSE(comparison->contenders[0].forecast);
  EXPECT_THAT(comparison->contenders[0].why_not, testing::HasSubstr("memory"));
  EXPECT_EQ(comparison->before[1][0], 1);
  EXPECT_THAT(comparison->by_time, testing::ElementsAre(1));
}

// A life takes long: that a later name is wrong is said before the first is lived.
TEST_F(CompareTest, looks_all_names_up_before_anything_is_lived) {
  int told = 0;
  const auto comparison = study::compare(
      small_run(), {"eos-h100:256", "eos-h100:512", "no-such"}, spec::Catalog(*files_, {}),
      {.replicas = 1, .tune = false, .shift = false}, threads_, [&](double) { ++told; });
  EXPECT_FALSE(comparison.ok());
  EXPECT_EQ(told, 0);
}

TEST_F(CompareTest, refuses_what_cannot_be_compared) {
  spec::Run run = small_run();
  EXPECT_THAT(compare(run, {"eos-h100"}).error().text(), testing::HasSubstr("two clusters"));
  EXPECT_THAT(compare(run, {"eos-h100", "eos-h100:many"}).error().text(),
              testing::HasSubstr("\"NAME:24000\""));
  EXPECT_THAT(compare(run, {"eos-h100", "no-such"}).error().text(),
              testing::AllOf(testing::HasSubstr("no-such"), testing::HasSubstr("--clusters")));
  run.compared = {"eos-h100", "no-such"};
  EXPECT_THAT(compare(run, run.compared).error().text(),
              testing::HasSubstr("test.toml: compare.clusters"));
  run.start.reset();
  EXPECT_THAT(compare(run, {"eos-h100:8", "eos-h100:16"}).error().text(),
              testing::HasSubstr("cluster.start"));
}

}  // namespace
}  // namespace celere::study
