#include "spec/precision.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace celere::spec {
namespace {

// The names that run files use, as docs and examples write them.
TEST(Precision, names_are_those_of_the_run_file) {
  const std::array<const char*, precision_count> names = {
      "fp32", "fp16", "bf16", "fp8-delayed", "fp8", "fp8-block", "mxfp8", "nvfp4"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_STREQ(name_of(static_cast<Precision>(i)), names[i]);
    EXPECT_EQ(precision_named(names[i]), static_cast<Precision>(i));
  }
}

TEST(Precision, other_names_are_none) {
  for (const char* name : {"", "BF16", "fp8_block", "fp8 ", "int8", "fp"}) {
    EXPECT_EQ(precision_named(name), std::nullopt) << name;
  }
}

// A format runs on the arithmetic of its width: 32, 16, 8 or 4 bits.
TEST(Precision, runs_on_the_arithmetic_of_its_width) {
  EXPECT_EQ(arithmetic_of(Precision::fp32), Arithmetic::fp32);
  EXPECT_EQ(arithmetic_of(Precision::fp16), Arithmetic::bf16);
  EXPECT_EQ(arithmetic_of(Precision::bf16), Arithmetic::bf16);
  EXPECT_EQ(arithmetic_of(Precision::fp8_delayed), Arithmetic::fp8);
  EXPECT_EQ(arithmetic_of(Precision::fp8), Arithmetic::fp8);
  EXPECT_EQ(arithmetic_of(Precision::fp8_block), Arithmetic::fp8);
  EXPECT_EQ(arithmetic_of(Precision::mxfp8), Arithmetic::fp8);
  EXPECT_EQ(arithmetic_of(Precision::nvfp4), Arithmetic::fp4);
}

}  // namespace
}  // namespace celere::spec
