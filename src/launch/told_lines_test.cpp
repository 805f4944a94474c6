#include "launch/told_lines.hpp"

#include <gmock/gmock.h>

#include <csignal>

namespace celere::launch {
namespace {

using policy::Phase;
using testing::SizeIs;

policy::WorkerExited killed(int rank, int signal) {
  return {.generation = 1, .node = rank, .rank = rank, .code = {}, .signal = signal};
}

// Steps 1 to 5 of generation 1, a save, 6 to 8, and 6 of generation 2: the first of each generation
// and the last before anything else.
TEST(ToldLines, steps_between_are_one) {
  ToldLines told;
  for (policy::Step step = 1; step <= 5; ++step) {
    told.add(policy::Trained{1, step}, {step}, Phase::training);
  }
  told.add(policy::CheckpointCommitted{4}, {10}, Phase::training);
  for (policy::Step step = 6; step <= 8; ++step) {
    told.add(policy::Trained{1, step}, {step + 10}, Phase::training);
  }
  told.add(policy::Trained{2, 6}, {30}, Phase::training);
  std::vector<policy::Step> steps;
  std::vector<std::int64_t> times;
  for (const policy::Told& one : told.waiting()) {
    times.push_back(one.at.nanoseconds);
    if (const auto* trained = std::get_if<policy::Trained>(&*one.event)) {
      steps.push_back(trained->step);
    }
  }
  EXPECT_EQ(steps, (std::vector<policy::Step>{1, 5, 8, 6}));
  EXPECT_EQ(times, (std::vector<std::int64_t>{1, 5, 10, 18, 30}));
}

// The first that is killed while all are stopping is told, and one that crashes by itself always:
// it may be who brought the others down.
TEST(ToldLines, of_thousands_that_end_alike_one_is_told) {
  ToldLines told;
  told.add(killed(0, SIGKILL), {}, Phase::training);
  for (int rank = 1; rank < 100; ++rank) told.add(killed(rank, SIGKILL), {}, Phase::stopping);
  EXPECT_THAT(told.waiting(), SizeIs(2));
  told.add(killed(100, SIGSEGV), {}, Phase::stopping);
  told.add(killed(101, SIGSEGV), {}, Phase::stopping);
  EXPECT_THAT(told.waiting(), SizeIs(4));
  for (int rank = 0; rank < 100; ++rank) {
    policy::WorkerExited done{.generation = 2, .node = rank, .rank = rank, .code = 0, .signal = {}};
    done.done = true;
    told.add(done, {}, Phase::training);
  }
  EXPECT_THAT(told.waiting(), SizeIs(5));
}

}  // namespace
}  // namespace celere::launch
