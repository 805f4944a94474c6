#include "study/intervals.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace celere::study {
namespace {

// Residuals -0.10, -0.09, ..., 0.10: with linear quantiles the tenth is -0.08, the ninetieth 0.08.
std::vector<LeftOut> even(const std::string& family, bool known) {
  std::vector<LeftOut> rows;
  for (int i = -10; i <= 10; ++i) {
    rows.push_back({.family = family, .residual = 0.01 * i, .known = known});
  }
  return rows;
}

TEST(Intervals, hold_the_middle_four_fifths) {
  const Intervals intervals = intervals_of(even("a", true));
  EXPECT_NEAR(intervals.of[1][0].low, std::exp(-0.08), 1e-12);
  EXPECT_NEAR(intervals.of[1][0].high, std::exp(0.08), 1e-12);
  EXPECT_EQ(intervals.incomplete, 1);
  // 17 of 21 lie within 0.08.
  EXPECT_NEAR(coverage_of(even("a", true), intervals).inside, 17.0 / 21, 1e-12);
}

// A source that is 0.5 too fast throughout: its own interval holds it, that of the others does not.
TEST(Intervals, nested_coverage_sees_a_source_that_is_unlike_the_others) {
  std::vector<LeftOut> rows = even("a", true);
  for (int i = 0; i < 21; ++i) rows.push_back({.family = "b", .residual = 0.5, .known = false});
  const Intervals intervals = intervals_of(rows);
  EXPECT_NEAR(intervals.of[0][0].high, std::exp(0.5), 1e-12);
  EXPECT_EQ(intervals.of[0][0].low, 1);  // the prediction itself is inside
  const Coverage coverage = coverage_of(rows, intervals);
  EXPECT_NEAR(coverage.inside, (17.0 + 21) / 42, 1e-12);
  EXPECT_LT(coverage.nested, coverage.inside);
}

// Complete rows are 0.1 off, incomplete ones 0.2: intervals of those are twice as wide.
TEST(Intervals, are_wider_where_rows_leave_fields_empty) {
  std::vector<LeftOut> rows;
  for (int i = 0; i < 10; ++i) {
    rows.push_back({.family = "a", .residual = 0.1, .complete = true});
    rows.push_back({.family = "a", .residual = 0.2, .complete = false});
  }
  const Intervals intervals = intervals_of(rows);
  EXPECT_NEAR(intervals.incomplete, 2, 1e-12);
  EXPECT_NEAR(std::log(intervals.at(false, false, false).high),
              2 * std::log(intervals.at(false, false, true).high), 1e-12);
}

}  // namespace
}  // namespace celere::study
