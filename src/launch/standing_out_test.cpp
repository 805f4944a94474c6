#include "launch/standing_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace celere::launch {
namespace {

using testing::ElementsAre;

// All at step 100 for 0.1 s, with 1 s of computing.
std::vector<RankKnown> healthy(std::size_t count) {
  std::vector<RankKnown> out(count);
  for (RankKnown& rank : out) {
    rank.beat.emplace();
    rank.beat->step = 100;
    rank.beat->phase_time_s = 0.1;
    rank.compute_time_s = 1;
  }
  return out;
}

// One for each reason, of a thousand, among the last.
TEST(StandingOut, names_each_kind) {
  std::vector<RankKnown> ranks = healthy(1000);
  ranks[900].compute_time_s = 1.2;
  ranks[910].beat->step = 99;
  ranks[920].beat->phase_time_s = 30;
  ranks[930].alive = false;
  ranks[940].beat.reset();
  EXPECT_THAT(standing_out(ranks, 5), ElementsAre(900, 910, 920, 930, 940));
}

// Half of them have ended; the slow one is seen among them all the same.
TEST(StandingOut, many_of_one_kind_do_not_hide_the_others) {
  std::vector<RankKnown> ranks = healthy(1000);
  for (std::size_t rank = 0; rank < 500; ++rank) ranks[rank].alive = false;
  ranks[900].compute_time_s = 1.2;
  const auto out = standing_out(ranks, 40);
  EXPECT_EQ(out.size(), 40u);
  EXPECT_THAT(out, testing::Contains(900));
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  EXPECT_LT(out.front(), 500);
}

TEST(StandingOut, few_are_all_shown) {
  EXPECT_THAT(standing_out(healthy(3), 40), ElementsAre(0, 1, 2));
  EXPECT_EQ(standing_out(healthy(41), 40).size(), 40u);
  EXPECT_TRUE(standing_out({}, 40).empty());
}

}  // namespace
}  // namespace celere::launch
