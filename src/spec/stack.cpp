#include "spec/stack.hpp"

#include <fmt/format.h>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

std::string no_schedule(const std::string& name) {
  std::string message = fmt::format("\"{}\" is no schedule; those are", name);
  for (int i = 0; i < layout::schedule_count; ++i) {
    message +=
        fmt::format("{} {}", i == 0 ? "" : ",", layout::name_of(static_cast<layout::Schedule>(i)));
  }
  return message;
}

std::vector<layout::Schedule> read_schedules(const TomlTable& root) {
  std::vector<layout::Schedule> schedules;
  for (const std::string& name : root.texts("schedules")) {
    bool known = false;
    for (int i = 0; i < layout::schedule_count; ++i) {
      const auto schedule = static_cast<layout::Schedule>(i);
      if (name != layout::name_of(schedule)) continue;
      schedules.push_back(schedule);
      known = true;
    }
    if (!known) root.mistake("schedules", no_schedule(name));
  }
  if (schedules.empty()) root.mistake("schedules", "needs at least one schedule");
  return schedules;
}

struct Range {
  double low, high;
  const char* text;
};
constexpr Range factor{1e-3, 1e3, "must lie between 0.001 and 1000"};
constexpr Range share{0, 1, "must be at most 1"};
constexpr Range below_one{1e-3, 1, "must be above 0 and at most 1"};
constexpr Range above_one{1, 1e3, "must be at least 1"};

Fact<double> read(const TomlTable& table, const char* key, const Range& range) {
  Fact<double> fact = table.number_fact(key);
  if (fact.value && !(*fact.value >= range.low && *fact.value <= range.high))
    table.mistake(key, range.text);
  return fact;
}

StackSpread read_spread(const TomlTable& table) {
  return {.dense_low = read(table, "dense_low", below_one),
          .dense_high = read(table, "dense_high", above_one),
          .experts_low = read(table, "experts_low", below_one),
          .experts_high = read(table, "experts_high", above_one)};
}

void read_factors(const TomlTable& root, Stack& stack) {
  stack.memory_factor = read(root, "memory_factor", factor);
  stack.attention_factor = read(root, "attention_factor", factor);
  stack.gemm_factor = read(root, "gemm_factor", factor);
  stack.grouped_gemm_factor = read(root, "grouped_gemm_factor", factor);
  stack.tp_overlap = read(root, "tp_overlap", share);
  stack.dp_overlap = read(root, "dp_overlap", share);
  stack.ep_factor = read(root, "ep_factor", share);
  stack.fsdp_bandwidth_share = read(root, "fsdp_bandwidth_share", below_one);
  stack.fsdp_exposed_share = read(root, "fsdp_exposed_share", share);
  stack.jitter_per_doubling = read(root, "jitter_per_doubling", share);
  stack.bubble_factor = read(root, "bubble_factor", factor);
  stack.fp8_cast_bytes = root.number_fact("fp8_cast_bytes");
  stack.logit_bytes = root.number_fact("logit_bytes");
  stack.activation_factor = read(root, "activation_factor", factor);
  stack.fragmentation_share = read(root, "fragmentation_share", share);
}

}  // namespace

Result<Stack> parse_stack(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("stacks/{}.toml", name)));
  const TomlTable root = document->root();
  Stack stack;
  stack.name = std::move(name);
  stack.title = root.text("title");
  read_factors(root, stack);
  stack.fused_attention = root.boolean_or("fused_attention", true);
  stack.flash_attention_2 = root.boolean_or("flash_attention_2", false);
  stack.host_time_dense = root.fact<Seconds>("host_time_dense");
  stack.host_time_experts = root.fact<Seconds>("host_time_experts");
  stack.step_overhead = root.fact<Seconds>("step_overhead");
  stack.fp32_gradients = root.boolean_or("fp32_gradients", true);
  stack.fp8_parameters = root.boolean_or("fp8_parameters", false);
  stack.fused_loss = root.boolean_or("fused_loss", false);
  stack.zero1_all_reduce = root.boolean_or("zero1_all_reduce", false);
  stack.schedules = read_schedules(root);
  stack.spread = read_spread(root.table("spread"));
  stack.known = root.boolean_or("known", true);
  RETURN_IF_ERROR(document->finish());
  return stack;
}

}  // namespace celere::spec
