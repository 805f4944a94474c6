#include "base/written_units.hpp"

#include <gtest/gtest.h>

namespace celere {
namespace {

template <typename Q>
double read(std::string_view text) {
  const Result<Q> quantity = parse_quantity<Q>(text);
  EXPECT_TRUE(quantity.ok()) << text << ": " << (quantity.ok() ? "" : quantity.error().message);
  return quantity.ok() ? quantity->in_base() : -1;
}

template <typename Q>
std::string refusal(std::string_view text) {
  const Result<Q> quantity = parse_quantity<Q>(text);
  EXPECT_FALSE(quantity.ok()) << text << " is accepted";
  return quantity.ok() ? "" : quantity.error().message;
}

// A byte has eight bits; G is 10^9 and Gi 2^30.
TEST(WrittenUnits, bits_and_bytes_and_their_prefixes_differ) {
  EXPECT_DOUBLE_EQ(read<BytesPerSecond>("400 Gb/s"), 50e9);
  EXPECT_DOUBLE_EQ(read<BytesPerSecond>("50 GB/s"), 50e9);
  EXPECT_DOUBLE_EQ(read<Bytes>("80 GiB"), 80.0 * 1073741824);
  EXPECT_DOUBLE_EQ(read<Bytes>("80 GB"), 80e9);
  EXPECT_DOUBLE_EQ(read<Bytes>("8 b"), 1);
}

TEST(WrittenUnits, the_forms_of_the_run_file_are_read) {
  EXPECT_DOUBLE_EQ(read<Tokens>("75 T tokens"), 75e12);
  EXPECT_DOUBLE_EQ(read<Tokens>("64 Mi tokens"), 67108864);
  EXPECT_DOUBLE_EQ(read<Tokens>("1 token"), 1);
  EXPECT_DOUBLE_EQ(read<Dollars>("700 M$"), 700e6);
  EXPECT_DOUBLE_EQ(read<Watts>("160 MW"), 160e6);
  EXPECT_DOUBLE_EQ(read<Flops>("3.5e26 FLOP"), 3.5e26);
  EXPECT_DOUBLE_EQ(read<FlopsPerSecond>("989 TFLOP/s"), 989e12);
  EXPECT_DOUBLE_EQ(read<Seconds>("20 min"), 1200);
  EXPECT_DOUBLE_EQ(read<Seconds>("8 us"), 8e-6);
  EXPECT_DOUBLE_EQ(read<Seconds>("4 years"), 4 * 365.25 * 86400);
  EXPECT_DOUBLE_EQ(read<PerSecond>("3.8e-3 /day"), 3.8e-3 / 86400);
  EXPECT_DOUBLE_EQ(read<DollarsPerSecond>("2.5 $/h"), 2.5 / 3600);
  EXPECT_DOUBLE_EQ(read<DollarsPerJoule>("0.07 $/kWh"), 0.07 / 3.6e6);
  EXPECT_DOUBLE_EQ(read<Joules>("1.2 TWh"), 1.2e12 * 3600);
}

TEST(WrittenUnits, a_missing_unit_is_an_error_with_advice) {
  EXPECT_EQ(refusal<Bytes>("80"), "\"80\" has no unit; write for example \"80 GiB\" or \"2 TB\"");
}

TEST(WrittenUnits, what_cannot_be_meant_is_refused) {
  EXPECT_EQ(refusal<Bytes>("80 GB/s"),
            "\"80 GB/s\" is of the wrong kind; write for example \"80 GiB\" or \"2 TB\"");
  EXPECT_EQ(refusal<Bytes>("80 gigs"),
            "\"80 gigs\" has the unknown unit \"gigs\"; write for example \"80 GiB\" or \"2 TB\"");
  EXPECT_EQ(refusal<Bytes>("many"),
            "\"many\" does not begin with a number; write for example \"80 GiB\" or \"2 TB\"");
  refusal<Bytes>("nan GB");
  refusal<Bytes>("inf GB");
  refusal<Bytes>("1e400 GB");
  refusal<Bytes>("1,000 GB");
  refusal<Seconds>("5 Mi s");  // no binary seconds
  refusal<Seconds>("5 ks");
  refusal<Bytes>("5 mB");  // no thousandth of a byte
  refusal<Bytes>("");
}

TEST(WrittenUnits, shares_are_numbers_or_percent) {
  EXPECT_DOUBLE_EQ(*parse_share("12.5 %"), 0.125);
  EXPECT_DOUBLE_EQ(*parse_share("0.125"), 0.125);
  EXPECT_FALSE(parse_share("12 GB").ok());
}

TEST(WrittenUnits, amounts_are_printed_with_three_digits_and_a_unit_that_suits) {
  EXPECT_EQ(written(1.5301_s), "1.53 s");
  EXPECT_EQ(written(117_days), "117 days");
  EXPECT_EQ(written(Seconds::of(0.0123)), "12.3 ms");
  EXPECT_EQ(written(90_s), "90.0 s");
  EXPECT_EQ(written(Bytes::of(71.2 * 1073741824)), "71.2 GiB");
  EXPECT_EQ(written(989_TFLOPps), "989 TFLOP/s");
  EXPECT_EQ(written(50_GBps), "50.0 GB/s");
  EXPECT_EQ(written(Tokens::of(67108864)), "64 Mi tokens");
  EXPECT_EQ(written(Tokens::of(75e12)), "75.0 T tokens");
  EXPECT_EQ(written(Dollars::of(5.16e9)), "5.16 G$");
  EXPECT_EQ(written(Joules::of(1.2e12 * 3600)), "1.20 TWh");
  EXPECT_EQ(written(DollarsPerSecond::of(2.5 / 3600)), "2.50 $/h");
  EXPECT_EQ(written(PerSecond::of(3.8e-3 / 86400)), "0.0038 /day");
  EXPECT_EQ(written_count(98304), "98,304");
  EXPECT_EQ(written_count(-1234567), "-1,234,567");
  EXPECT_EQ(written_count(12), "12");
  EXPECT_EQ(written_share(0.3815), "38.1 %");
}

// What is printed reads back as what it was, to the digits printed.
TEST(WrittenUnits, printed_amounts_read_back) {
  for (const double value : {1.0, 12.3, 999.0, 1e4, 7.89e7, 4.56e11, 3.2e15}) {
    EXPECT_NEAR(read<Bytes>(written(Bytes::of(value))) / value, 1, 5.1e-3);
    EXPECT_NEAR(read<BytesPerSecond>(written(BytesPerSecond::of(value))) / value, 1, 5.1e-3);
    EXPECT_NEAR(read<Seconds>(written(Seconds::of(value))) / value, 1, 5.1e-3);
    EXPECT_NEAR(read<Dollars>(written(Dollars::of(value))) / value, 1, 5.1e-3);
  }
}

}  // namespace
}  // namespace celere
