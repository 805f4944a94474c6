// Arithmetic against counting step by step.
#include <gmock/gmock.h>

#include "life/stretch.hpp"

namespace celere::life {
namespace {

struct Counted {
  std::vector<Nanoseconds> done, committed;  // of steps from + 1 and up
  std::vector<char> what;                    // of each nanosecond from `begin` on
};

// Steps of 5, saves of 3 with 6 more until they are committed, evaluations of 7.
Counted counted(const Stretch& stretch) {
  Counted out;
  const auto pass = [&](char what, Nanoseconds time) {
    out.what.insert(out.what.end(), static_cast<std::size_t>(time), what);
  };
  const auto now = [&] { return stretch.begin + static_cast<Nanoseconds>(out.what.size()); };
  for (Step step = stretch.from + 1; step < stretch.from + 40; ++step) {
    pass('p', stretch.step);
    out.done.push_back(now());
    const bool saves = stretch.every > 0 && step % stretch.every == 0;
    if (saves) pass('s', stretch.blocking);
    out.committed.push_back(saves ? now() + stretch.background : 1 << 30);
    if (stretch.evaluates > 0 && step % stretch.evaluates == 0) pass('e', stretch.evaluation);
  }
  return out;
}

void expect_agree(const Stretch& stretch) {
  const Counted counted_here = counted(stretch);
  Stretch::Parts expected;
  expected.pause = stretch.lead;
  for (std::size_t i = 0; i < counted_here.done.size(); ++i) {
    const Step step = stretch.from + 1 + static_cast<Step>(i);
    ASSERT_EQ(stretch.done_at(step), counted_here.done[i]);
    if (stretch.every > 0 && step % stretch.every == 0) {
      ASSERT_EQ(stretch.committed_at(step), counted_here.committed[i]);
    }
  }
  for (Nanoseconds now = stretch.begin; now < stretch.begin + 190; ++now) {
    Step count = stretch.from;
    std::optional<Step> newest;
    for (std::size_t i = 0; i < counted_here.done.size(); ++i) {
      const Step step = stretch.from + 1 + static_cast<Step>(i);
      if (counted_here.done[i] <= now) count = step;
      if (counted_here.committed[i] <= now) newest = step;
    }
    ASSERT_EQ(stretch.done_by(now), count) << now;
    ASSERT_EQ(stretch.committed_by(now), newest) << now;
    expected.steps = count - stretch.from;
    expected.stepping = expected.steps * stretch.step;
    if (expected.partial == stretch.step) expected.partial = 0;
    const Stretch::Parts parts = stretch.until(now);
    ASSERT_EQ(parts.stepping, expected.stepping) << now;
    ASSERT_EQ(parts.partial, expected.partial) << now;
    ASSERT_EQ(parts.pause.saving, expected.pause.saving) << now;
    ASSERT_EQ(parts.pause.evaluating, expected.pause.evaluating) << now;
    ASSERT_EQ(parts.pause.standing, stretch.lead.standing);
    const char what = counted_here.what[static_cast<std::size_t>(now - stretch.begin)];
    ++(what == 'p'   ? expected.partial
       : what == 's' ? expected.pause.saving
                     : expected.pause.evaluating);
  }
}

TEST(Stretch, agrees_with_steps_one_by_one) {
  for (const Step every : {0, 1, 3, 7}) {
    for (const Step evaluates : {0, 1, 3, 10}) {
      for (const Step from : {0, 2, 3, 20}) {
        SCOPED_TRACE(testing::Message() << every << " " << evaluates << " " << from);
        expect_agree({.begin = 100,
                      .lead = {.saving = 3, .evaluating = 2, .standing = 4},
                      .from = from,
                      .step = 5,
                      .every = every,
                      .blocking = 3,
                      .background = 6,
                      .evaluates = evaluates,
                      .evaluation = 7});
      }
    }
  }
}

// Before its first step it saves, evaluates and stands, in this order.
TEST(Stretch, begins_with_its_lead) {
  const Stretch stretch{.begin = 100, .lead = {.saving = 3, .evaluating = 2, .standing = 4}};
  std::string told;
  for (Nanoseconds now = 91; now < 100; ++now) {
    const Pause pause = stretch.until(now).pause;
    ASSERT_EQ(pause.whole(), now - 91);
    told += fmt::format("{}{}{} ", pause.saving, pause.evaluating, pause.standing);
    ASSERT_EQ(stretch.done_by(now), 0);
  }
  EXPECT_EQ(told, "000 100 200 300 310 320 321 322 323 ");
}

// Ten million steps and pauses that are far longer than a step: the next is not done yet.
TEST(Stretch, counts_millions_of_steps_to_the_nanosecond) {
  const Stretch stretch{.step = 3'000'000'007,
                        .every = 17,
                        .blocking = 500'000'000'001,
                        .evaluates = 1000,
                        .evaluation = 900'000'000'001};
  for (const Step step : {1, 16, 17, 18, 1000, 1001, 9'999'999, 10'000'000, 10'000'001}) {
    EXPECT_EQ(stretch.done_by(stretch.done_at(step) - 1), step - 1);
    EXPECT_EQ(stretch.done_by(stretch.done_at(step)), step);
  }
}

}  // namespace
}  // namespace celere::life
