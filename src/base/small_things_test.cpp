#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

#include "base/date.hpp"
#include "base/interval.hpp"
#include "base/own_memory.hpp"
#include "base/quantile.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace celere {
namespace {

Date day(int year, unsigned month, unsigned of_month) {
  return {std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                                std::chrono::day(of_month))};
}

// 2024 is a leap year: 28 February and one day is the 29th, and part of a day counts as one.
TEST(Date, days_are_counted_on_the_calendar) {
  EXPECT_EQ(written(day(2024, 7, 22)), "2024-07-22");
  EXPECT_EQ(written(later(day(2024, 2, 28), 1)), "2024-02-29");
  EXPECT_EQ(written(later(day(2024, 12, 31), 0.1)), "2025-01-01");
}

// Of 10, 20 and 40 a quarter lies half way from the first to the second, nine tenths at place 1.8
// of 0 to 2: 20 + 0.8 * 20.
TEST(Quantile, lies_between_two_observations_linearly) {
  EXPECT_EQ(quantile({40, 10, 20}, 0.25), 15);
  EXPECT_DOUBLE_EQ(quantile({40, 10, 20}, 0.9), 36);
  EXPECT_EQ(quantile({40, 10, 20}, 0), 10);
  EXPECT_EQ(quantile({40, 10, 20}, 1), 40);
  EXPECT_EQ(quantile({7}, 0.3), 7);
  EXPECT_EQ(quantile_of_sorted({10, 20, 40}, 0.5), 20);
}

// As proc(5) writes it, in kB of 1,024 bytes.
TEST(OwnMemory, is_what_the_system_says) {
  const auto files = memory_files();
  EXPECT_FALSE(own_memory(*files, "VmHWM"));
  ASSERT_TRUE(files->write("/proc/self/status", "VmHWM:\t      12 kB\nRssAnon:\t   7 kB\n").ok());
  EXPECT_EQ(own_memory(*files, "VmHWM"), Bytes::of(12288));
  EXPECT_EQ(own_memory(*files, "RssAnon"), Bytes::of(7168));
  EXPECT_FALSE(own_memory(*files, "RssFile"));
}

// Factors of 2 and of e^0.5 above: logarithms 0.693 and 0.5 add in quadrature to 0.8546, a factor
// of 2.350.
TEST(Interval, independent_factors_add_their_logarithms_in_quadrature) {
  const Spread both = combined({.low = 0.5, .high = 2}, {.low = 1, .high = std::exp(0.5)});
  EXPECT_NEAR(both.high, 2.350, 1e-3);
  EXPECT_NEAR(both.low, 0.5, 1e-12);
}

TEST(Interval, a_negative_power_changes_the_ends) {
  const Spread inverse = raised({.low = 0.5, .high = 4}, -1);
  EXPECT_DOUBLE_EQ(inverse.low, 0.25);
  EXPECT_DOUBLE_EQ(inverse.high, 2);
}

Result<int> half(int number) {
  if (number % 2 != 0) return bad_input("odd");
  return number / 2;
}

Result<int> quarter(int number) {
  ASSIGN_OR_RETURN(const int once, half(number));
  return half(once).during("halving again");
}

TEST(Result, an_error_carries_the_trail_of_what_was_done) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(7).error().text(), "odd");
  EXPECT_EQ(quarter(6).error().text(), "odd\n  while halving again");
}

TEST(Check, stops_at_a_bug_with_its_values) { EXPECT_DEATH(CHECK_EQ(1 + 1, 3), "2 against 3"); }

// Each index once, whatever the number of threads; a job after a job too.
TEST(ThreadPool, runs_each_index_once) {
  for (const int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
      std::vector<int> runs(count, 0);
      pool.for_each_index(count, [&](std::size_t i) { ++runs[i]; });
      EXPECT_EQ(std::accumulate(runs.begin(), runs.end(), 0), static_cast<int>(count));
    }
  }
}

}  // namespace
}  // namespace celere
