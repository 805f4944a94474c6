#include "calibrate/measured.hpp"

#include <gmock/gmock.h>

#include "calibrate/test_lines.hpp"

namespace celere::calibrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Measured measured(bool bf16) {
  auto all = measured_of(all_lines(bf16));
  EXPECT_TRUE(all.ok()) << all.error().text();
  return *std::move(all);
}

std::string message(const std::vector<wire::Measurement>& lines) {
  const auto all = measured_of(lines);
  return all.ok() ? "fine" : all.error().text();
}

// Eight products: 60 GFLOP/s each but the last, of 120.
TEST(Measured, points_become_a_table_in_the_order_of_its_axes) {
  const Measured all = measured(false);
  ASSERT_TRUE(all.fp32.grid);
  EXPECT_THAT(all.fp32.grid->x, ElementsAre(128, 512));
  EXPECT_THAT(all.fp32.grid->values, ElementsAre(6e10, 6e10, 6e10, 6e10, 6e10, 6e10, 6e10, 1.2e11));
  EXPECT_EQ(all.fp32.peak(), 1.2e11);
  EXPECT_FALSE(all.bf16.grid);
  EXPECT_EQ(all.bf16.peak(), 3e8);
}

// 0.3 TFLOP/s against 0.1 pays; 0.0003 does not.
TEST(Measured, bf16_is_best_only_where_it_is_faster) {
  EXPECT_EQ(measured(true).best(), spec::Precision::bf16);
  EXPECT_EQ(measured(false).best(), spec::Precision::fp32);
}

// 16 MiB x 1/2 / 16.777216 ms = 0.5 GB/s.
TEST(Measured, the_link_is_what_large_gathers_reach) {
  EXPECT_NEAR(measured(false).link_bytes_per_s(), 5e8, 1);
  EXPECT_EQ(measured(false).link_latency_s(), 1e-4);
}

TEST(Measured, what_is_missing_or_twice_is_named) {
  const auto without = [](std::size_t place) {
    std::vector<wire::Measurement> lines = all_lines(false);
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(place));
    return message(lines);
  };
  EXPECT_THAT(without(0), HasSubstr("the machine is missing"));
  EXPECT_THAT(without(2), HasSubstr("the sustained bf16 product is missing"));
  EXPECT_THAT(without(8), HasSubstr("the fp32 product of 128 x 128 x 128 is missing"));
  EXPECT_THAT(message(machine_lines(false)), HasSubstr("1 of 2 parts came to their end"));
  std::vector<wire::Measurement> twice = all_lines(false);
  twice.push_back(twice[8]);
  EXPECT_THAT(message(twice), HasSubstr("the fp32 product of 128 x 128 x 128 stands twice"));
}

// Where bf16 sustains more, its table must be there.
TEST(Measured, the_better_type_has_a_table) {
  std::vector<wire::Measurement> lines = all_lines(true);
  std::erase_if(lines, [](const wire::Measurement& line) {
    const auto* it = std::get_if<wire::ProductMeasured>(&line);
    return it != nullptr && it->precision == "bf16";
  });
  EXPECT_THAT(message(lines), HasSubstr("the bf16 product is missing"));
}

TEST(Measured, a_collective_that_nobody_told_is_named) {
  std::vector<wire::Measurement> lines = all_lines(false);
  std::erase_if(lines, [](const wire::Measurement& line) {
    const auto* it = std::get_if<wire::CollectiveMeasured>(&line);
    return it != nullptr && it->op == "all-to-all";
  });
  EXPECT_THAT(message(lines), HasSubstr("the collective all-to-all is missing"));
}

}  // namespace
}  // namespace celere::calibrate
