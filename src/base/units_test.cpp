#include "base/units.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace celere {
namespace {

// 1 GB over 100 GB/s is 0.01 s: the type says seconds, the value says one hundredth.
TEST(Units, bytes_over_bytes_a_second_are_seconds) {
  const auto time = 1_GB / 100_GBps;
  static_assert(std::is_same_v<decltype(time), const Seconds>);
  EXPECT_DOUBLE_EQ(time.in_base(), 0.01);
}

// 989 TFLOP/s for 2 s are 1.978e15 FLOP; over 989e12 FLOP/s again 2 s, a plain number once divided
// by 1 s.
TEST(Units, work_is_rate_times_time) {
  const Flops work = 989_TFLOPps * 2_s;
  EXPECT_DOUBLE_EQ(work.in_base(), 1.978e15);
  const double ratio = (work / 989_TFLOPps) / 1_s;
  EXPECT_DOUBLE_EQ(ratio, 2.0);
}

// 700 W for one hour are 2.52 MJ; at 0.07 $ per 3.6 MJ (a kilowatt hour) 4.9 cents.
TEST(Units, energy_and_money) {
  const Joules energy = Watts::of(700) * 1_h;
  EXPECT_DOUBLE_EQ(energy.in_base(), 2.52e6);
  const Dollars cost = energy * DollarsPerJoule::of(0.07 / 3.6e6);
  EXPECT_NEAR(cost.in_base(), 0.049, 1e-12);
}

}  // namespace
}  // namespace celere
