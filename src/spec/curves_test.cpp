#include "spec/curves.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "spec/entry_text.hpp"

namespace celere::spec {
namespace {

constexpr const char* small = R"(source = "made up for this test"

[gemm]
m = [1, 2]
n = [3]
k = [4, 5]
best_tflops = 9
error_median = 0.1
error_p90 = 0.2
tflops = [[1, 2], [3, 4]]

[attention]
sequence = [1]
head_dim = [64, 128]
heads = [1, 8]
error_median = 0
error_p90 = 0
tflops = [[1, 2], [3, 4]]

[grouped_gemm]
tokens_per_expert = [1, 2]
expert_ffn = [7]
error_median = 0
error_p90 = 0
tflops = [[1], [2]]

[collectives]
source = "made up"
error_median = 0
error_p90 = 0

[[collective]]
op = "all-gather"
gpus = 2
bytes = [10, 20]
microseconds = [5, 7]
)";

// The small file above with one part replaced.
std::string with(std::string_view part, std::string_view replacement) {
  return replaced(small, part, replacement);
}

std::string error_of(std::string_view toml) { return message_of(parse_curves(toml, "x")); }

// Each value stands where the text above has it; microseconds become seconds.
TEST(Curves, are_read_as_written) {
  const auto curves = parse_curves(small, "x");
  ASSERT_TRUE(curves.ok()) << curves.error().text();
  EXPECT_EQ(curves->source, "made up for this test");
  EXPECT_EQ(curves->gemm.m, (std::vector<double>{1, 2}));
  EXPECT_EQ(curves->gemm.tflops, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(curves->gemm.best_tflops, 9);
  EXPECT_EQ(curves->gemm.error.p90, 0.2);
  EXPECT_EQ(curves->attention.heads, (std::vector<double>{1, 8}));
  EXPECT_EQ(curves->grouped_gemm.tflops, (std::vector<double>{1, 2}));
  ASSERT_EQ(curves->collectives.size(), 1U);
  EXPECT_EQ(curves->collectives[0].op, Collective::all_gather);
  EXPECT_DOUBLE_EQ(curves->collectives[0].seconds[1], 7e-6);
}

TEST(Curves, an_axis_must_increase) {
  EXPECT_EQ(error_of(with("k = [4, 5]", "k = [5, 5]")),
            "curves/x.toml:6: gemm.k: must be positive and increasing\n"
            "curves/x.toml:10: gemm.tflops: has a row of 2 numbers, and must have 1 in each");
}

TEST(Curves, an_axis_must_be_positive) {
  EXPECT_EQ(error_of(with("expert_ffn = [7]", "expert_ffn = [0]")),
            "curves/x.toml:22: grouped_gemm.expert_ffn: must be positive and increasing");
}

TEST(Curves, a_table_must_have_a_rate_for_each_grid_point) {
  EXPECT_EQ(error_of(with("[[1, 2], [3, 4]]", "[[1, 2], [3, 4], [5, 6]]")),
            "curves/x.toml:10: gemm.tflops: must be 4 numbers, and has 6");
}

TEST(Curves, a_rate_must_be_positive) {
  EXPECT_EQ(error_of(with("[[1, 2], [3, 4]]", "[[1, 2], [3, -4]]")),
            "curves/x.toml:10: gemm.tflops: holds -4, and must be positive");
}

TEST(Curves, a_collective_has_as_many_times_as_sizes) {
  EXPECT_EQ(error_of(with("microseconds = [5, 7]", "microseconds = [5]")),
            "curves/x.toml:36: collective.microseconds: must be 2 numbers, and has 1");
}

// Rows of github.com/ai-dynamo/aiconfigurator@095f58a, systems/data, h100_sxm, at grid points: a
// product of 8192 cubed takes 1.54171 ms, so 2 * 8192^3 / 1.54171 ms = 713.2 TFLOP/s; an
// all-reduce of 512 MiB over 8 GPUs (NCCL 2.29.2) takes 2111.06 us.
TEST(Curves, of_the_h100_hold_the_measured_rows) {
  const auto text = local_files()->read("catalog/curves/h100-sxm.toml");
  ASSERT_TRUE(text.ok());
  const auto curves = parse_curves(*text, "h100-sxm");
  ASSERT_TRUE(curves.ok()) << curves.error().text();
  const GemmTable& gemm = curves->gemm;
  const auto at = [](const std::vector<double>& axis, double value) {
    return static_cast<std::size_t>(std::find(axis.begin(), axis.end(), value) - axis.begin());
  };
  const std::size_t place =
      (at(gemm.m, 8192) * gemm.n.size() + at(gemm.n, 8192)) * gemm.k.size() + at(gemm.k, 8192);
  EXPECT_NEAR(gemm.tflops[place], 2 * 8192.0 * 8192 * 8192 / 1.54171e-3 / 1e12, 0.05);
  bool found = false;
  for (const CollectiveCurve& curve : curves->collectives) {
    if (curve.op != Collective::all_reduce || curve.gpus != 8) continue;
    found = true;
    EXPECT_EQ(curve.bytes.back(), 536870912);
    EXPECT_NEAR(curve.seconds.back(), 2111.06e-6, 0.1e-6);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace celere::spec
