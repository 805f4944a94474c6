// Who did not arrive, each rule by hand.
#include "launch/hang.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace celere::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

wire::RankSeen waiting(std::int64_t rank, const std::string& group, std::int64_t in_group) {
  wire::RankSeen out;
  out.rank = rank;
  out.state = "sleeping";
  out.collective = {.group = group, .kind = "all_reduce", .in_group = in_group, .bytes = 8};
  return out;
}

wire::RankSeen busy(std::int64_t rank, const std::string& state = "running") {
  wire::RankSeen out;
  out.rank = rank;
  out.state = state;
  return out;
}

// A stopped process cannot arrive, whatever it was in; that rank 2 computes says nothing then.
TEST(Absent, names_stopped_and_dead_processes_first) {
  wire::RankSeen stopped = waiting(1, "world", 4);
  stopped.state = "stopped";
  const Absent absent = absent_of({waiting(0, "world", 4), stopped, busy(2), busy(3, "gone")}, 4);
  EXPECT_THAT(absent.ranks, ElementsAre(1, 3));
  EXPECT_EQ(absent.text, "1, 3");
  EXPECT_EQ(absent.collective, "all_reduce number 4 of group world");
}

// Of four ranks 1 and 3 answered: what cannot be looked at is what is absent.
TEST(Absent, names_ranks_that_nobody_could_look_at) {
  EXPECT_THAT(absent_of({waiting(3, "world", 1), waiting(1, "world", 1)}, 4).ranks,
              ElementsAre(0, 2));
  EXPECT_THAT(absent_of({}, 2).ranks, ElementsAre(0, 1));
}

TEST(Absent, names_who_computes_while_others_wait) {
  const Absent absent = absent_of({waiting(0, "world", 4), busy(1), waiting(2, "world", 4)}, 3);
  EXPECT_THAT(absent.ranks, ElementsAre(1));
  EXPECT_EQ(absent.text, "1");
}

// All wait: rank 2 in the third of `replicas`, in which 0 and 1 are at the fourth; 3 and 4 are even
// in theirs, though they have entered fewer.
TEST(Absent, names_who_has_entered_fewer_of_the_same_group) {
  const Absent absent =
      absent_of({waiting(0, "replicas", 4), waiting(1, "replicas", 4), waiting(2, "replicas", 3),
                 waiting(3, "tp", 2), waiting(4, "tp", 2)},
                5);
  EXPECT_THAT(absent.ranks, ElementsAre(2));
  EXPECT_EQ(absent.collective, "all_reduce number 2 of group tp");  // two in each; one is first
}

// Nobody waits, or all at the same place: the network may be at fault.
TEST(Absent, names_nobody_where_nothing_tells_them_apart) {
  EXPECT_THAT(absent_of({busy(0), busy(1)}, 2).ranks, IsEmpty());
  const Absent even = absent_of({waiting(0, "world", 4), waiting(1, "world", 4)}, 2);
  EXPECT_THAT(even.ranks, IsEmpty());
  EXPECT_EQ(even.text, "not known");
  EXPECT_EQ(even.collective, "all_reduce number 4 of group world");
}

TEST(Absent, a_collective_in_words) {
  EXPECT_EQ(written(std::nullopt), "");
  EXPECT_EQ(written(wire::InCollective{"tp", "all_gather", 12, 4096, 3.21}),
            "all_gather number 12 of group tp, 4096 bytes, for 3.2 s");
}

}  // namespace
}  // namespace celere::launch
