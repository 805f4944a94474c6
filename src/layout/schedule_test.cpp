#include "layout/schedule.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "layout/pipeline.hpp"

namespace celere::layout {
namespace {

std::string shown(const std::vector<Pass>& passes) {
  std::string text;
  for (const Pass& pass : passes) {
    text += pass.forward ? 'F' : 'B';
    text += std::to_string(pass.micro_batch);
    if (pass.chunk > 0) text += std::string(static_cast<std::size_t>(pass.chunk), '\'');
    text += ' ';
  }
  return text;
}

// Narayanan et al. 2021, figure 4 above: four stages, the second of them warms up with two.
TEST(Schedule, one_f_one_b_of_the_second_of_four_stages) {
  EXPECT_EQ(shown(passes({.pp = 4}, 1, 4)), "F0 F1 F2 B0 F3 B1 B2 B3 ");
}

// Two stages of two chunks, four micro-batches: the last stage warms up with (2 - 1) 2 passes.
TEST(Schedule, interleaved_goes_through_the_chunks_in_groups) {
  EXPECT_EQ(shown(passes({.pp = 2, .vpp = 2, .schedule = Schedule::interleaved}, 1, 4)),
            "F0 F1 F0' B0' F1' B1' F2 B0 F3 B1 F2' B2' F3' B3' B2 B3 ");
}

// Every pass once, none before what it needs, and no more kept than pipeline.hpp says.
void check(const Layout& layout, std::int64_t micro_batches) {
  using Key = std::tuple<bool, int, std::int64_t>;  // forward, chunk of the model, micro-batch
  std::vector<std::vector<Pass>> todo;
  for (int stage = 0; stage < layout.pp; ++stage) {
    todo.push_back(passes(layout, stage, micro_batches));
  }
  const int chunks = layout.pp * layout.vpp;
  std::set<Key> done;
  std::vector<std::size_t> next(todo.size(), 0);
  std::vector<std::int64_t> kept(todo.size(), 0), kept_max(todo.size(), 0);
  const auto ready = [&](bool forward, int chunk, std::int64_t batch) {
    if (forward) return chunk == 0 || done.contains({true, chunk - 1, batch});
    return done.contains({true, chunk, batch}) &&
           (chunk == chunks - 1 || done.contains({false, chunk + 1, batch}));
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t s = 0; s < todo.size(); ++s) {
      if (next[s] == todo[s].size()) continue;
      const Pass& pass = todo[s][next[s]];
      const int chunk = pass.chunk * layout.pp + static_cast<int>(s);
      if (!ready(pass.forward, chunk, pass.micro_batch)) continue;
      EXPECT_TRUE(done.insert({pass.forward, chunk, pass.micro_batch}).second);
      kept[s] += pass.forward ? 1 : -1;
      kept_max[s] = std::max(kept_max[s], kept[s]);
      ++next[s];
      moved = true;
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(done.size()), 2 * chunks * micro_batches)
      << written(layout) << ": stands still";
  for (int s = 0; s < layout.pp; ++s) {
    EXPECT_EQ(kept_max[static_cast<std::size_t>(s)], chunks_in_flight(layout, s, micro_batches))
        << written(layout) << " stage " << s;
  }
}

TEST(Schedule, no_pass_waits_for_ever) {
  for (const int pp : {1, 2, 3, 4, 7}) {
    for (const int turns : {1, 2, 3}) {
      check({.pp = pp}, turns * pp);
      check({.pp = pp}, turns);
      for (const int vpp : {2, 3}) {
        if (pp == 1) continue;
        check({.pp = pp, .vpp = vpp, .schedule = Schedule::interleaved}, turns * pp);
      }
    }
  }
}

}  // namespace
}  // namespace celere::layout
