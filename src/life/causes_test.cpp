#include "life/causes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "life/failures.hpp"
#include "life/test_scenes.hpp"
#include "spec/catalog.hpp"

namespace celere::life {
namespace {

spec::FailureSet default_set() {
  return *spec::parse_failure_set(spec::embedded_text("failures/default.toml"), "default");
}

// 148 of 419 interruptions are GPUs; of 64 nodes on a feed that fails once in ten years each has a
// 64th of that; a spike each 50 days of a training on 1,000 nodes is a thousandth of a node's.
TEST(Causes, rates_are_of_a_node) {
  const auto causes = causes_of(default_set(), PerSecond::of(419), 1000,
                                {.detect = 30_s, .localise = 180_s, .repair = 1_days});
  ASSERT_TRUE(causes.ok()) << causes.error().text();
  const auto find = [&](const char* name) {
    const auto found = std::ranges::find(*causes, name, &Cause::name);
    EXPECT_NE(found, causes->end()) << name;
    return *found;
  };
  const Cause gpu = find("GPU");
  EXPECT_NEAR(gpu.rate.in_base(), 148, 1e-9);
  EXPECT_EQ(gpu.effect, Effect::lost);
  EXPECT_EQ(gpu.detect, 30_s);
  EXPECT_EQ(gpu.localise, 180_s);
  EXPECT_EQ(gpu.repair, 1_days);
  EXPECT_TRUE(gpu.of_parts);
  const Cause feed = find("power feed");
  EXPECT_NEAR(feed.rate.in_base(), 0.1 / (365.25 * 86400) / 64, 1e-15);
  EXPECT_EQ(feed.repair, Seconds::of(7200));
  EXPECT_FALSE(feed.of_parts);
  const Cause spike = find("loss spike");
  EXPECT_NEAR(spike.rate.in_base(), 1.0 / (50 * 86400) / 1000, 1e-15);
  EXPECT_EQ(spike.effect, Effect::spike);
  EXPECT_EQ(find("planned maintenance").notice, Seconds::of(600));
  EXPECT_EQ(find("slow node").factor, 1.1);
}

TEST(Causes, of_llama_3_share_the_rate) {
  const std::vector<Cause> causes = llama3_causes(PerSecond::of(3), {});
  double sum = 0;
  for (const Cause& cause : causes) sum += cause.rate.in_base();
  EXPECT_NEAR(sum, 3, 1e-12);
  EXPECT_EQ(causes.size(), 19u);
}

TEST(Causes, an_unknown_number_is_named) {
  spec::FailureSet set = default_set();
  set.causes[0].weight->value.reset();
  const auto causes = causes_of(set, PerSecond::of(1), 1, {});
  ASSERT_FALSE(causes.ok());
  EXPECT_EQ(causes.error().code, ErrorCode::unknown_value);
  EXPECT_NE(causes.error().message.find("failures/default.toml: cause.weight"), std::string::npos)
      << causes.error().message;
}

// 1,000 nodes at 2 / 7,000 s: 2,000 failures in 7,000 s, a seventh of them in the first thousand,
// though parts would fail three times as often then, and a tenth of a percent of the one lemon.
TEST(Causes, what_is_not_of_parts_comes_evenly) {
  Scene scene;
  scene.tranches = {{.at = 0_s, .nodes = 1000}};
  scene.causes = {{.name = "planned", .rate = PerSecond::of(2.0 / 7000), .of_parts = false}};
  scene.early_factor = 3;
  scene.early_time = 1000_s;
  scene.lemon_failures = 1;
  FailureSource source = failure_sources(scene).front();
  Prng prng(5, 0);
  int early = 0, all = 0, lemon = 0;
  while (true) {
    const Failure failure = source.next(prng, {7});
    if (failure.at > nanoseconds(7000_s)) break;
    ++all;
    early += failure.at <= nanoseconds(1000_s);
    lemon += failure.target == 7;
  }
  EXPECT_NEAR(all, 2000, 4 * std::sqrt(2000));
  EXPECT_NEAR(early, 2000.0 / 7, 4 * std::sqrt(2000.0 / 7));
  EXPECT_LE(lemon, 12);
}

}  // namespace
}  // namespace celere::life
