// What a terminal shows of a comparison that was made by hand.
#include <gmock/gmock.h>

#include "report/comparison_report.hpp"
#include "report/test_forecasts.hpp"

namespace celere::report {
namespace {

using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

// 11, 20 and 29 days after 2024-07-22, and five days more; six failures in 20 days are one in 3.33.
TEST(ComparisonText, says_what_the_comparison_says) {
  const std::string text = comparison_text(comparison_by_hand());
  EXPECT_THAT(text,
              ContainsRegex("1  oracle-24k-hopper +2024-08-02  2024-08-11  2024-08-20 +unknown "
                            "+unknown  80.0 %\n"));
  EXPECT_THAT(text, ContainsRegex("2  xai-100k-h100 +2024-08-07  2024-08-16  2024-08-25 +unknown"));
  EXPECT_THAT(text, HasSubstr(std::string("  selene cannot train it: ") + hostile + "\n"));
  EXPECT_THAT(text, ContainsRegex("oracle-24k-hopper +16 +1 Mi tokens .* 3.33 days\n"));
  EXPECT_THAT(text, HasSubstr("(3 worlds, the same for all)\n"));
  EXPECT_THAT(text, HasSubstr("  oracle-24k-hopper                  -         66.7 %\n"));
  EXPECT_THAT(text, HasSubstr("  xai-100k-h100                 33.3 %              -\n"));
  EXPECT_THAT(text, HasSubstr("  useful                   12.0           12.0\n"));
  EXPECT_THAT(text, HasSubstr("  no machine                1.0            1.0\n"));
  EXPECT_THAT(text,
              ContainsRegex("oracle-24k-hopper  failures of a node  1 /day  4 /day  -2.0 days "
                            " \\+5.0 days\n"));
  EXPECT_THAT(text,
              HasSubstr("  - Up to 2.00 T tokens xai-100k-h100 ends first, beyond it "
                        "oracle-24k-hopper.\n"
                        "  - If all that oracle-24k-hopper is delivered comes 5.00 days later, "
                        "xai-100k-h100 ends first.\n"
                        "  - At 1.25 times its price oracle-24k-hopper is no longer cheaper "
                        "than xai-100k-h100.\n"));
}

// What all stand on is said once; a contender is named where it has something of its own.
TEST(ComparisonText, names_whose_an_assumption_is) {
  study::Comparison comparison = comparison_by_hand();
  const std::string common =
      std::string("\nWhat this stands on\n  - ") + hostile + "\n  - nobody published this\n";
  EXPECT_THAT(comparison_text(comparison), EndsWith(common));
  comparison.contenders[1].forecast->built.assumptions.push_back("a contract");
  EXPECT_THAT(comparison_text(comparison),
              EndsWith(common + "  xai-100k-h100\n    - a contract\n"));
  for (const std::size_t i : {0, 1}) comparison.contenders[i].forecast->built.assumptions.clear();
  EXPECT_THAT(comparison_text(comparison), Not(HasSubstr("What this stands on")));
}

}  // namespace
}  // namespace celere::report
