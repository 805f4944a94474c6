#include "infer/sampling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace celere::infer {
namespace {

// Logits whose exponentials are 4, 2, 1, 1: probabilities 1/2, 1/4, 1/8, 1/8, out of order.
const std::vector<float> logits = {std::log(2.0F), 0.0F, std::log(4.0F), 0.0F};

struct Case {
  const char* what;
  Sampling sampling;
  std::vector<std::int32_t> tokens;
  std::vector<double> probabilities;
};

// Temperature 1/2 squares the exponentials: 16, 4, 1, 1 of 22. Temperature 2 takes their roots: 2,
// 1.41421, 1, 1 of 5.41421. Top-p 0.7 is not reached by 1/2 and is by 1/2 + 1/4, which become 2/3
// and 1/3; of the top 3 (4, 2, 1 of 7, for of equals the lower number comes first) 4/7 = 0.571 is
// more than 0.55 and enough alone.
TEST(Candidates, are_those_done_by_hand) {
  const double roots = 4 + std::sqrt(2.0);
  const std::vector<Case> cases = {
      {"all", {.temperature = 1}, {0, 1, 2, 3}, {0.25, 0.125, 0.5, 0.125}},
      {"cold", {.temperature = 0.5}, {0, 1, 2, 3}, {4 / 22.0, 1 / 22.0, 16 / 22.0, 1 / 22.0}},
      {"hot",
       {.temperature = 2},
       {0, 1, 2, 3},
       {std::sqrt(2.0) / roots, 1 / roots, 2 / roots, 1 / roots}},
      {"greedy", {.temperature = 0, .top_p = 0.1, .top_k = 3}, {2}, {1}},
      {"top-p", {.temperature = 1, .top_p = 0.7}, {2, 0}, {2 / 3.0, 1 / 3.0}},
      {"least top-p", {.temperature = 1, .top_p = 1e-9}, {2}, {1}},
      {"top-k", {.temperature = 1, .top_k = 3}, {2, 0, 1}, {4 / 7.0, 2 / 7.0, 1 / 7.0}},
      {"top-k of more than all",
       {.temperature = 1, .top_k = 9},
       {2, 0, 1, 3},
       {0.5, 0.25, 0.125, 0.125}},
      {"both", {.temperature = 1, .top_p = 0.55, .top_k = 3}, {2}, {1}},
  };
  for (const Case& c : cases) {
    const std::vector<Candidate> found = candidates(logits, c.sampling);
    ASSERT_EQ(found.size(), c.tokens.size()) << c.what;
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].token, c.tokens[i]) << c.what;
      EXPECT_NEAR(found[i].probability, c.probabilities[i], 1e-7) << c.what;  // logits are float
    }
  }
}

TEST(Candidates, of_equals_the_likeliest_is_the_lowest_number) {
  const std::vector<float> flat(5, 1.5F);
  EXPECT_EQ(candidates(flat, {}).front().token, 0);
  EXPECT_EQ(candidates(flat, {.temperature = 1, .top_k = 2}).back().token, 1);
}

// Over 40,000 positions a token of probability p comes 40,000 p times, give or take four standard
// deviations of sqrt(40,000 p (1 - p)): at most 400.
TEST(Pick, draws_as_often_as_the_probabilities_say) {
  constexpr int draws = 40'000;
  const std::vector<double> expected = {0.25, 0.125, 0.5, 0.125};
  std::vector<int> count(4);
  for (int i = 0; i < draws; ++i) {
    ++count[static_cast<std::size_t>(*pick(logits, {.temperature = 1, .seed = 11}, i))];
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double deviation = std::sqrt(draws * expected[i] * (1 - expected[i]));
    EXPECT_NEAR(count[i], draws * expected[i], 4 * deviation) << i;
  }
}

TEST(Pick, is_a_function_of_seed_and_position) {
  const std::vector<float> flat(1000, 0.0F);
  const Sampling one{.temperature = 1, .seed = 1}, two{.temperature = 1, .seed = 2};
  EXPECT_EQ(*pick(flat, one, 7), *pick(flat, one, 7));
  EXPECT_NE(*pick(flat, one, 7), *pick(flat, one, 8));
  EXPECT_NE(*pick(flat, one, 7), *pick(flat, two, 7));
}

TEST(Pick, refuses_weights_that_are_no_good) {
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto picked = pick(std::vector<float>{0, 1, wrong}, {}, 0);
    ASSERT_FALSE(picked.ok());
    EXPECT_EQ(picked.error().code, ErrorCode::corrupt);
    EXPECT_THAT(picked.error().message, testing::HasSubstr("token 2"));
  }
}

}  // namespace
}  // namespace celere::infer
