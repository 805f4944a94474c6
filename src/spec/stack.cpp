#include "spec/stack.hpp"

#include <fmt/format.h>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

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
    if (!known) root.mistake("schedules", fmt::format("\"{}\" is no schedule", name));
  }
  if (schedules.empty()) root.mistake("schedules", "needs at least one schedule");
  return schedules;
}

StackSpread read_spread(const TomlTable& table) {
  return {.dense_low = table.number_fact("dense_low"),
          .dense_high = table.number_fact("dense_high"),
          .experts_low = table.number_fact("experts_low"),
          .experts_high = table.number_fact("experts_high")};
}

}  // namespace

Result<Stack> parse_stack(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("stacks/{}.toml", name)));
  const TomlTable root = document->root();
  Stack stack;
  stack.name = std::move(name);
  stack.title = root.text("title");
  stack.memory_factor = root.number_fact("memory_factor");
  stack.attention_factor = root.number_fact("attention_factor");
  stack.fused_attention = root.boolean_or("fused_attention", true);
  stack.gemm_factor = root.number_fact("gemm_factor");
  stack.grouped_gemm_factor = root.number_fact("grouped_gemm_factor");
  stack.tp_overlap = root.number_fact("tp_overlap");
  stack.dp_overlap = root.number_fact("dp_overlap");
  stack.ep_factor = root.number_fact("ep_factor");
  stack.fsdp_bandwidth_share = root.number_fact("fsdp_bandwidth_share");
  stack.fsdp_exposed_share = root.number_fact("fsdp_exposed_share");
  stack.host_time_dense = root.fact<Seconds>("host_time_dense");
  stack.host_time_experts = root.fact<Seconds>("host_time_experts");
  stack.step_overhead = root.fact<Seconds>("step_overhead");
  stack.jitter_per_doubling = root.number_fact("jitter_per_doubling");
  stack.bubble_factor = root.number_fact("bubble_factor");
  stack.fp8_cast_bytes = root.number_fact("fp8_cast_bytes");
  stack.logit_bytes = root.number_fact("logit_bytes");
  stack.activation_factor = root.number_fact("activation_factor");
  stack.fragmentation_share = root.number_fact("fragmentation_share");
  stack.fp32_gradients = root.boolean_or("fp32_gradients", true);
  stack.zero1_all_reduce = root.boolean_or("zero1_all_reduce", false);
  stack.schedules = read_schedules(root);
  stack.spread = read_spread(root.table("spread"));
  stack.known = root.boolean_or("known", true);
  RETURN_IF_ERROR(document->finish());
  return stack;
}

}  // namespace celere::spec
