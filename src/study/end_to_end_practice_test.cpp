#include "study/end_to_end_practice.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace celere::study {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;

// Slopes 0.1, 0.2 and 0.5 with weights 1, 3 and 1: half of 5 is reached at 0.2. The row that does
// not count (x = 0) changes nothing.
TEST(Practice, the_exponent_is_the_weighted_median_of_slopes) {
  const std::vector<PracticeRow> rows = {{"a", 1, 0.1}, {"b", 3, 0.6}, {"c", 1, 0.5}, {"d", 0, 9}};
  EXPECT_DOUBLE_EQ(fitted_exponent(rows), 0.2);
  EXPECT_EQ(fitted_exponent({{"d", 0, 9}}), 0);
}

// It is the least sum of absolute residuals: no other slope of a fine grid has a smaller one.
TEST(Practice, no_other_exponent_is_nearer) {
  const std::vector<PracticeRow> rows = {
      {"a", 0.3, 0.4}, {"b", 1.2, -0.1}, {"c", 2.5, 0.7}, {"d", 3.1, 0.2}, {"e", 4.4, 1.3}};
  const auto sum = [&](double exponent) {
    double out = 0;
    for (const PracticeRow& row : rows) out += std::abs(row.residual - exponent * row.x);
    return out;
  };
  const double best = fitted_exponent(rows);
  for (int i = -1000; i <= 1000; ++i) EXPECT_LE(sum(best), sum(i / 1000.0) + 1e-12) << i;
}

// Without a: slope 0.5 of b, so a's residual is 0.1 - 0.5; without b: slope 0.1, so 1 - 0.2.
TEST(Practice, each_maker_is_held_against_the_others) {
  const std::vector<PracticeRow> rows = {{"a", 1, 0.1}, {"b", 2, 1.0}};
  EXPECT_THAT(left_out_residuals(rows), ElementsAre(DoubleEq(-0.4), DoubleEq(0.8)));
}

// Of -1, -0.9 ... 1 the quantiles at 10 and 90 % are -0.8 and 0.8.
TEST(Practice, the_interval_is_the_middle_of_the_residuals) {
  std::vector<double> residuals;
  for (int i = -10; i <= 10; ++i) residuals.push_back(i / 10.0);
  const Spread spread = middle_of(residuals);
  EXPECT_NEAR(std::log(spread.low), -0.8, 1e-12);
  EXPECT_NEAR(std::log(spread.high), 0.8, 1e-12);
  EXPECT_EQ(middle_of({0.1, 0.2}).low, 1);  // the prediction itself is always inside
}

// 1,600 tokens a parameter are 80 times 20; below 20 nothing is added.
TEST(Practice, begins_at_twenty_tokens_a_parameter) {
  EXPECT_NEAR(beyond_chinchilla(1600), std::log(80), 1e-12);
  EXPECT_EQ(beyond_chinchilla(2), 0);
}

TEST(Practice, its_file_is_read_and_its_mistakes_named) {
  const auto numbers = parse_whole_numbers(embedded_whole_numbers());
  ASSERT_TRUE(numbers.ok()) << numbers.error().text();
  EXPECT_EQ(numbers->exponent.grade, spec::Grade::fitted);
  std::string text(embedded_whole_numbers());
  text.replace(text.find("low = 0.6"), 9, "low = 6.6");
  const auto wrong = parse_whole_numbers(text);
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, HasSubstr("fit/end_to_end.toml:"));
}

}  // namespace
}  // namespace celere::study
