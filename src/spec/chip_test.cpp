#include "spec/chip.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/written_units.hpp"
#include "spec/entry_text.hpp"

namespace celere::spec {
namespace {

constexpr const char* small = R"(title = "A chip of this test"
power = { is = "700 W", grade = "maker", from = "a test" }
price = { is = "unknown", grade = "secondary", from = "a test" }

[peak]
fp32 = { is = "500 TFLOP/s", grade = "maker", from = "a test" }
bf16 = { is = "1000 TFLOP/s", grade = "maker", from = "a test" }
fp8 = { is = "2000 TFLOP/s", grade = "maker", from = "a test" }
fp4 = { is = "unknown", grade = "maker", from = "it has none" }

[sustained]
fp32 = { is = "300 TFLOP/s", grade = "fitted", from = "a test" }
bf16 = { is = "700 TFLOP/s", grade = "fitted", from = "a test" }
fp8 = { is = "1400 TFLOP/s", grade = "fitted", from = "a test" }
mxfp8 = { is = "unknown", grade = "maker", from = "it has none" }
nvfp4 = { is = "unknown", grade = "maker", from = "it has none" }

[memory]
size = { is = "80 GiB", grade = "maker", from = "a test" }
reserved = { is = "1.5 GiB", grade = "assumption", from = "a test" }
bandwidth = { is = "3 TB/s", grade = "maker", from = "a test" }
bandwidth_share = { is = 0.76, grade = "fitted", from = "a test" }

[nvlink]
bandwidth = { is = "450 GB/s", grade = "maker", from = "a test" }
share = { is = 0.8, grade = "measured", from = "a test" }
domain = 8

[host]
bandwidth = { is = "63 GB/s", grade = "maker", from = "a test" }
launch_time = { is = 1, grade = "derived", from = "a test" }

[curves.gemm]
use = "one"
scale = { is = 2, grade = "derived", from = "a test" }

[curves.attention]
use = "two"
scale = { is = 1, grade = "measured", from = "a test" }

[curves.grouped_gemm]
use = "one"
scale = { is = 0.5, grade = "assumption", from = "a test" }

[curves.collectives]
use = "one"
scale = { is = 2, grade = "assumption", from = "a test" }
)";

std::string with(std::string_view part, std::string_view replacement) {
  return replaced(small, part, replacement);
}

// "one": every rate 10 TFLOP/s, best 12, an all-reduce of 8 us. "two": every rate 30.
Result<Curves> curves_of_test(std::string_view name) {
  if (name != "one" && name != "two") {
    return Error{ErrorCode::not_found, "no curves \"" + std::string(name) + "\"", {}};
  }
  const double rate = name == "one" ? 10 : 30;
  Curves curves;
  curves.gemm = {.m = {1}, .n = {1}, .k = {1}, .tflops = {rate}, .best_tflops = 12, .error = {}};
  curves.attention = {
      .sequence = {1}, .head_dim = {1}, .heads = {1}, .tflops = {rate}, .error = {}};
  curves.grouped_gemm = {
      .tokens_per_expert = {1}, .expert_ffn = {1}, .tflops = {rate}, .error = {}};
  curves.collectives = {{.op = Collective::all_reduce, .gpus = 2, .bytes = {1}, .seconds = {8e-6}}};
  return curves;
}

std::string error_of(std::string_view toml) {
  return message_of(parse_chip(toml, "x", curves_of_test));
}

const FlopsPerSecond& sustained(const Chip& chip, Precision precision) {
  return *chip.sustained[static_cast<std::size_t>(precision)].value;
}

// The text above, value by value; fp16 shares bf16's rate and the three fp8 recipes share one.
TEST(Chip, is_read_as_written) {
  const auto chip = parse_chip(small, "x", curves_of_test);
  ASSERT_TRUE(chip.ok()) << chip.error().text();
  EXPECT_EQ(chip->name, "x");
  EXPECT_EQ(chip->title, "A chip of this test");
  EXPECT_EQ(chip->power.value, Watts::of(700));
  EXPECT_FALSE(chip->price.known());
  EXPECT_EQ(*chip->peak[static_cast<std::size_t>(Arithmetic::bf16)].value, 1000_TFLOPps);
  EXPECT_EQ(sustained(*chip, Precision::fp16), 700_TFLOPps);
  EXPECT_EQ(sustained(*chip, Precision::bf16), 700_TFLOPps);
  for (const Precision p : {Precision::fp8_delayed, Precision::fp8, Precision::fp8_block}) {
    EXPECT_EQ(sustained(*chip, p), 1400_TFLOPps);
  }
  EXPECT_EQ(*chip->memory.value, 80_GiB);
  EXPECT_EQ(*chip->memory_reserved.value, Bytes::of(1.5 * 1073741824));
  EXPECT_EQ(*chip->memory_bandwidth.value, 3000_GBps);
  EXPECT_EQ(*chip->nvlink_bandwidth.value, 450_GBps);
  EXPECT_EQ(chip->nvlink_domain, 8);
  EXPECT_EQ(*chip->host_bandwidth.value, 63_GBps);
  EXPECT_EQ(*chip->host_speed.value, 1);
}

// GEMM rates of "one" times 2, attention of "two" as it is, grouped products of "one" halved; a
// link twice as fast takes half of 8 us.
TEST(Chip, scales_the_curves_that_it_borrows) {
  const auto chip = parse_chip(small, "x", curves_of_test);
  ASSERT_TRUE(chip.ok()) << chip.error().text();
  EXPECT_EQ(chip->gemm.tflops[0], 20);
  EXPECT_EQ(chip->gemm.best_tflops, 24);
  EXPECT_EQ(chip->attention.tflops[0], 30);
  EXPECT_EQ(chip->grouped_gemm.tflops[0], 5);
  EXPECT_DOUBLE_EQ(chip->collectives[0].seconds[0], 4e-6);
  EXPECT_EQ(chip->curve_uses.grouped_gemm.scale.grade, Grade::assumption);
}

TEST(Chip, without_curves_of_collectives_has_none) {
  const std::string text(small);
  const auto chip =
      parse_chip(text.substr(0, text.find("[curves.collectives]")), "x", curves_of_test);
  ASSERT_TRUE(chip.ok()) << chip.error().text();
  EXPECT_TRUE(chip->collectives.empty());
}

TEST(Chip, a_missing_unit_is_refused_with_line_and_key) {
  EXPECT_TRUE(error_of(with("\"80 GiB\"", "80"))
                  .starts_with("chips/x.toml:19: memory.size.is: 80 has no unit; write for"))
      << error_of(with("\"80 GiB\"", "80"));
}

TEST(Chip, an_unknown_key_is_refused_with_the_nearest_one) {
  EXPECT_EQ(error_of(with("domain = 8", "domain = 8\ndomains = 8")),
            "chips/x.toml:28: nvlink.domains: is not a key that is known here; "
            "is \"domain\" meant?");
}

TEST(Chip, a_share_is_at_most_1) {
  EXPECT_EQ(error_of(with("is = 0.76", "is = 76")),
            "chips/x.toml:22: memory.bandwidth_share: must be above 0 and at most 1");
}

TEST(Chip, a_chip_of_no_memory_is_refused) {
  EXPECT_EQ(error_of(with("80 GiB", "0 GiB")), "chips/x.toml:19: memory.size: must be above 0");
}

TEST(Chip, a_negative_domain_is_refused) {
  EXPECT_EQ(error_of(with("domain = 8", "domain = -8")),
            "chips/x.toml:27: nvlink.domain: is -8, and must be from 1 to 1048576");
}

TEST(Chip, cannot_sustain_more_than_its_peak) {
  EXPECT_EQ(error_of(with("700 TFLOP/s", "1001 TFLOP/s")),
            "chips/x.toml:13: sustained.bf16: is above the peak of " + written(1000_TFLOPps));
}

TEST(Chip, cannot_sustain_an_arithmetic_that_it_lacks) {
  EXPECT_EQ(error_of(with("nvfp4 = { is = \"unknown\"", "nvfp4 = { is = \"4 TFLOP/s\"")),
            "chips/x.toml:16: sustained.nvfp4: is known, and the peak is not "
            "(chips/x.toml: peak.fp4)");
}

TEST(Chip, curves_need_a_known_scale) {
  EXPECT_EQ(error_of(with("scale = { is = 0.5", "scale = { is = \"unknown\"")),
            "chips/x.toml:43: curves.grouped_gemm.scale: must be a number: curves that cannot be "
            "scaled cannot be used");
}

TEST(Chip, passes_on_that_curves_are_missing) {
  EXPECT_EQ(error_of(with("use = \"two\"", "use = \"three\"")), "no curves \"three\"");
}

Result<Curves> curves_of_catalog(std::string_view name) {
  ASSIGN_OR_RETURN(const std::string text,
                   local_files()->read("catalog/curves/" + std::string(name) + ".toml"));
  return parse_curves(text, std::string(name));
}

Result<Chip> chip_of_catalog(const std::string& name) {
  ASSIGN_OR_RETURN(const std::string text, local_files()->read("catalog/chips/" + name + ".toml"));
  return parse_chip(text, name, curves_of_catalog);
}

// What a search over shapes found for each chip, in TFLOP/s of bf16 (github.com/stas00/
// ml-engineering@744d01e, "maximum achievable matmul"): nothing holds more than that for hours, and
// no training chip holds less than half of it.
TEST(ChipCatalog, sustains_less_than_the_best_shape_that_was_measured) {
  const std::vector<std::pair<const char*, double>> best = {
      {"a100-40", 271.2},  {"a100-80", 271.2}, {"h100-sxm", 794.5}, {"h800-sxm", 794.5},
      {"h200-sxm", 794.5}, {"gh200", 828.6},   {"b200-sxm", 1745},  {"b300-sxm", 1769},
      {"gb200", 1822},     {"mi300x", 668.4},  {"mi355x", 1565},    {"a800-80", 271.2}};
  for (const auto& [name, tflops] : best) {
    const auto chip = chip_of_catalog(name);
    ASSERT_TRUE(chip.ok()) << name << ": " << chip.error().text();
    const double rate = sustained(*chip, Precision::bf16).in_base() / 1e12;
    EXPECT_LT(rate, tflops) << name;
    EXPECT_GT(rate, tflops / 2) << name;
  }
}

// A chip in 80 GB is 80 GiB less what the driver keeps: 81,559 MiB on an H100.
TEST(ChipCatalog, knows_the_memory_that_the_driver_reports) {
  const auto chip = chip_of_catalog("h100-sxm");
  ASSERT_TRUE(chip.ok()) << chip.error().text();
  EXPECT_EQ(*chip->memory.value, Bytes::of(81559.0 * 1048576));
}

// 2500 / 2250 = 1.111 of the B200's best: the GB200's own rows are throttled.
TEST(ChipCatalog, gives_the_gb200_the_products_of_the_b200) {
  const auto b200 = chip_of_catalog("b200-sxm");
  const auto gb200 = chip_of_catalog("gb200");
  ASSERT_TRUE(b200.ok() && gb200.ok());
  EXPECT_NEAR(gb200->gemm.best_tflops / b200->gemm.best_tflops, 2500.0 / 2250, 1e-3);
  EXPECT_EQ(gb200->nvlink_domain, 72);
}

// Half the NVLink of an H100, so the H100's curves of collectives would be wrong.
TEST(ChipCatalog, gives_the_h800_no_curves_of_collectives) {
  const auto chip = chip_of_catalog("h800-sxm");
  ASSERT_TRUE(chip.ok()) << chip.error().text();
  EXPECT_TRUE(chip->collectives.empty());
  EXPECT_EQ(chip->curve_uses.gemm.scale.grade, Grade::assumption);
}

// What precision = "auto" becomes on the chip above with these rates in TFLOP/s, sustained and
// peak; or why not.
struct Rates {
  const char* sustained_fp32 = "300 TFLOP/s";
  const char* sustained_bf16 = "700 TFLOP/s";
  const char* peak_fp32 = "500 TFLOP/s";
  const char* peak_bf16 = "1000 TFLOP/s";
};

std::string precision_of(const Rates& rates) {
  std::string text = replaced(small, "fp32 = { is = \"500 TFLOP/s\"",
                              std::string("fp32 = { is = \"") + rates.peak_fp32 + "\"");
  text = replaced(text, "bf16 = { is = \"1000 TFLOP/s\"",
                  std::string("bf16 = { is = \"") + rates.peak_bf16 + "\"");
  text = replaced(text, "fp32 = { is = \"300 TFLOP/s\"",
                  std::string("fp32 = { is = \"") + rates.sustained_fp32 + "\"");
  text = replaced(text, "bf16 = { is = \"700 TFLOP/s\"",
                  std::string("bf16 = { is = \"") + rates.sustained_bf16 + "\"");
  const auto chip = parse_chip(text, "x", curves_of_test);
  if (!chip.ok()) return chip.error().message;
  const auto precision = measured_precision(*chip);
  return precision.ok() ? name_of(*precision) : precision.error().message;
}

// Sustained 700 over 300 is 2.33; 360 over 300 is 1.2, and enough; 359 is not. Without a sustained
// rate the peaks decide: 1000 over 500 is 2, and 550 over 500 is 1.1.
TEST(MeasuredPrecision, is_bf16_where_that_is_worth_it) {
  EXPECT_EQ(precision_of({}), "bf16");
  EXPECT_EQ(precision_of({.sustained_bf16 = "360 TFLOP/s"}), "bf16");
  EXPECT_EQ(precision_of({.sustained_bf16 = "359 TFLOP/s"}), "fp32");
  EXPECT_EQ(precision_of({.sustained_fp32 = "unknown"}), "bf16");
  EXPECT_EQ(
      precision_of(
          {.sustained_fp32 = "unknown", .sustained_bf16 = "unknown", .peak_bf16 = "550 TFLOP/s"}),
      "fp32");
}

TEST(MeasuredPrecision, needs_rates_and_names_the_one_that_is_missing) {
  EXPECT_EQ(
      precision_of({.sustained_fp32 = "unknown", .peak_fp32 = "unknown"}),
      "chips/x.toml: peak.fp32 is unknown, and precision = \"auto\" needs it (source: a test)");
}

}  // namespace
}  // namespace celere::spec
