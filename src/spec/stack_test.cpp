#include "spec/stack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.hpp"
#include "base/files.hpp"
#include "spec/catalog.hpp"
#include "spec/entry_text.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;

constexpr const char* small = R"(title = "Software of this test"
schedules = ["1f1b", "dualpipe"]
fused_attention = false
memory_factor = { is = 1.2, grade = "fitted", from = "a test" }
memory_backward = { is = 1.6, grade = "fitted", from = "a test" }
attention_backward = { is = 2.9, grade = "fitted", from = "a test" }
unfused_share = { is = 0.58, grade = "fitted", from = "a test" }
unfused_exponent = { is = 0.6, grade = "fitted", from = "a test" }
unfused_misaligned = { is = 0.3, grade = "fitted", from = "a test" }
shape_share = { is = 0.49, grade = "fitted", from = "a test" }
narrow_expert_ffn = { is = 4096, grade = "fitted", from = "a test" }
all_to_all_of_ring = { is = 0.8, grade = "fitted", from = "a test" }
graph_host_time = { is = 0.48, grade = "fitted", from = "a test" }
overlapped_all_to_all = { is = 0.48, grade = "fitted", from = "a test" }
vboost_gemm_time = { is = 0.98, grade = "fitted", from = "a test" }
attention_factor = { is = 1.4, grade = "fitted", from = "a test" }
gemm_factor = { is = 1.0, grade = "fitted", from = "a test" }
grouped_gemm_factor = { is = 2.2, grade = "fitted", from = "a test" }
tp_overlap = { is = "48 %", grade = "fitted", from = "a test" }
dp_overlap = { is = 0.65, grade = "fitted", from = "a test" }
ep_factor = { is = 1.0, grade = "fitted", from = "a test" }
fsdp_bandwidth_share = { is = 0.66, grade = "fitted", from = "a test" }
fsdp_exposed_share = { is = 0.43, grade = "fitted", from = "a test" }
host_time_dense = { is = "3.8 ms", grade = "fitted", from = "a test" }
host_time_experts = { is = "unknown", grade = "fitted", from = "a test" }
step_overhead = { is = "25 ms", grade = "fitted", from = "a test" }
jitter_per_doubling = { is = 0.0049, grade = "fitted", from = "a test" }
bubble_factor = { is = 0.86, grade = "fitted", from = "a test" }
fp8_cast_bytes = { is = 3, grade = "fitted", from = "a test" }
mxfp8_cast_bytes = { is = 5, grade = "fitted", from = "a test" }
nvfp4_cast_bytes = { is = 6, grade = "fitted", from = "a test" }
logit_bytes = { is = 18, grade = "fitted", from = "a test" }
activation_factor = { is = 1.0, grade = "assumption", from = "a test" }
fragmentation_share = { is = 0.03, grade = "assumption", from = "a test" }

[spread]
dense_low = { is = 0.82, grade = "fitted", from = "a test" }
dense_high = { is = 1.3, grade = "fitted", from = "a test" }
experts_low = { is = 0.75, grade = "fitted", from = "a test" }
experts_high = { is = 1.45, grade = "fitted", from = "a test" }
incomplete = { is = 1.5, grade = "fitted", from = "a test" }

[spread_known]
dense_low = { is = 0.92, grade = "fitted", from = "a test" }
dense_high = { is = 1.1, grade = "fitted", from = "a test" }
experts_low = { is = 0.85, grade = "fitted", from = "a test" }
experts_high = { is = 1.25, grade = "fitted", from = "a test" }
incomplete = { is = 1.2, grade = "fitted", from = "a test" }
)";

std::string with(std::string_view part, std::string_view replacement) {
  return replaced(small, part, replacement);
}

std::string message_of(const std::string& toml) {
  const auto stack = parse_stack(toml, "x");
  if (stack.ok()) return "no mistake";
  EXPECT_EQ(stack.error().code, ErrorCode::bad_input);
  return stack.error().message;
}

TEST(ParseStack, reads_every_key) {
  const auto stack = parse_stack(small, "x");
  ASSERT_TRUE(stack.ok()) << stack.error().text();
  EXPECT_EQ(stack->name, "x");
  EXPECT_FALSE(stack->fused_attention);
  EXPECT_TRUE(stack->fp32_gradients);  // unless the entry says otherwise, and so the next five
  EXPECT_FALSE(stack->flash_attention_2);
  EXPECT_FALSE(stack->fp8_parameters);
  EXPECT_FALSE(stack->fused_loss);
  EXPECT_FALSE(stack->zero1_all_reduce);
  EXPECT_TRUE(stack->known);
  EXPECT_EQ(*stack->memory_factor.value, 1.2);
  EXPECT_EQ(stack->memory_factor.grade, Grade::fitted);
  EXPECT_DOUBLE_EQ(*stack->tp_overlap.value, 0.48);
  EXPECT_EQ(*stack->host_time_dense.value, 3.8_ms);
  EXPECT_FALSE(stack->host_time_experts.known());
  EXPECT_EQ(stack->schedules,
            (std::vector{layout::Schedule::one_f_one_b, layout::Schedule::dual_pipe}));
  EXPECT_EQ(*stack->spread.experts_high.value, 1.45);
  EXPECT_EQ(*stack->known_spread.experts_high.value, 1.25);
}

TEST(ParseStack, names_a_schedule_that_does_not_exist_and_those_that_do) {
  EXPECT_EQ(message_of(with("\"dualpipe\"", "\"gpipe\"")),
            "stacks/x.toml:2: schedules: \"gpipe\" is no schedule; those are 1f1b, interleaved, "
            "zero-bubble, dualpipe");
  EXPECT_EQ(message_of(with("\"1f1b\", \"dualpipe\"", "")),
            "stacks/x.toml:2: schedules: needs at least one schedule");
}

// What an entry does not name is the common one's, the spread too.
TEST(ParseStack, takes_from_the_common_entry_what_it_does_not_name) {
  const auto common = parse_stack(small, "unknown");
  const auto own = parse_stack(R"(title = "Another"
schedules = ["1f1b"]
memory_factor = { is = 2, grade = "fitted", from = "a test" })",
                               "x", &*common);
  ASSERT_TRUE(own.ok()) << own.error().text();
  EXPECT_EQ(*own->memory_factor.value, 2);
  EXPECT_EQ(*own->tp_overlap.value, 0.48);
  EXPECT_EQ(own->step_overhead.value, common->step_overhead.value);
  EXPECT_EQ(*own->spread.dense_low.value, 0.92);
  EXPECT_TRUE(own->fused_attention);  // a switch is not taken over: here the common one says false
  EXPECT_FALSE(common->fused_attention);
}

TEST(ParseStack, refuses_numbers_that_cannot_be) {
  EXPECT_EQ(message_of(with("is = 0.65", "is = 1.65")),
            "stacks/x.toml:20: dp_overlap: must be at most 1");
  EXPECT_EQ(message_of(with("is = 1.2,", "is = 0,")),
            "stacks/x.toml:4: memory_factor: must lie between 0.001 and 1000");
  EXPECT_EQ(message_of(with("is = 0.92", "is = 1.92")),
            "stacks/x.toml:44: spread_known.dense_low: must be above 0 and at most 1");
  EXPECT_EQ(message_of(with("is = 1.1,", "is = 0.9,")),
            "stacks/x.toml:45: spread_known.dense_high: must be at least 1");
}

TEST(ParseStack, names_a_unit_that_is_missing_and_a_key_that_nobody_knows) {
  EXPECT_THAT(message_of(with("\"3.8 ms\"", "3.8")),
              HasSubstr("stacks/x.toml:24: host_time_dense"));
  EXPECT_THAT(message_of(with("ep_factor", "ep_facto")), HasSubstr("ep_factor"));
}

// What is not measured is wider than what is.
TEST(Stacks, of_the_catalogue_are_wider_where_nothing_was_measured) {
  const auto files = memory_files();
  const Catalog catalog(*files, {});
  const auto unknown = catalog.stack("unknown");
  const auto core = catalog.stack("megatron-core-2025");
  ASSERT_TRUE(unknown.ok() && core.ok());
  EXPECT_FALSE(unknown->known);
  EXPECT_TRUE(core->known);
  for (const bool experts : {false, true}) {
    const auto width = [&](const Stack& stack) {
      return *stack.spread.high(experts).value / *stack.spread.low(experts).value;
    };
    EXPECT_GT(width(*unknown), width(*core));
  }
}

}  // namespace
}  // namespace celere::spec
