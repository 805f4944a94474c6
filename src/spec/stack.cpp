#include "spec/stack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>

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

constexpr double least = 1e-3, most = 1e3;

constexpr std::array numbers = {
    StackNumber{
        .key = "memory_factor", .number = &Stack::memory_factor, .low = least, .high = most},
    StackNumber{
        .key = "memory_backward", .number = &Stack::memory_backward, .low = least, .high = most},
    StackNumber{
        .key = "attention_factor", .number = &Stack::attention_factor, .low = least, .high = most},
    StackNumber{.key = "attention_backward",
                .number = &Stack::attention_backward,
                .low = least,
                .high = most},
    StackNumber{.key = "unfused_share", .number = &Stack::unfused_share, .low = least, .high = 1},
    StackNumber{.key = "unfused_exponent", .number = &Stack::unfused_exponent, .low = 0, .high = 2},
    StackNumber{
        .key = "unfused_misaligned", .number = &Stack::unfused_misaligned, .low = least, .high = 1},
    StackNumber{.key = "gemm_factor", .number = &Stack::gemm_factor, .low = least, .high = most},
    StackNumber{.key = "shape_share", .number = &Stack::shape_share, .low = 0, .high = most},
    StackNumber{.key = "grouped_gemm_factor",
                .number = &Stack::grouped_gemm_factor,
                .low = least,
                .high = most},
    StackNumber{
        .key = "narrow_expert_ffn", .number = &Stack::narrow_expert_ffn, .low = 1, .high = 1e6},
    StackNumber{.key = "tp_overlap", .number = &Stack::tp_overlap, .low = 0, .high = 1},
    StackNumber{.key = "dp_overlap", .number = &Stack::dp_overlap, .low = 0, .high = 1},
    StackNumber{.key = "ep_factor", .number = &Stack::ep_factor, .low = 0, .high = 1},
    StackNumber{
        .key = "all_to_all_of_ring", .number = &Stack::all_to_all_of_ring, .low = least, .high = 1},
    StackNumber{.key = "fsdp_bandwidth_share",
                .number = &Stack::fsdp_bandwidth_share,
                .low = least,
                .high = 1},
    StackNumber{
        .key = "fsdp_exposed_share", .number = &Stack::fsdp_exposed_share, .low = 0, .high = 1},
    StackNumber{.key = "host_time_dense", .time = &Stack::host_time_dense, .low = 0, .high = 60},
    StackNumber{
        .key = "host_time_experts", .time = &Stack::host_time_experts, .low = 0, .high = 60},
    StackNumber{.key = "step_overhead", .time = &Stack::step_overhead, .low = 0, .high = 3600},
    StackNumber{
        .key = "jitter_per_doubling", .number = &Stack::jitter_per_doubling, .low = 0, .high = 1},
    StackNumber{
        .key = "bubble_factor", .number = &Stack::bubble_factor, .low = least, .high = most},
    StackNumber{.key = "fp8_cast_bytes", .number = &Stack::fp8_cast_bytes, .low = 0, .high = most},
    StackNumber{
        .key = "mxfp8_cast_bytes", .number = &Stack::mxfp8_cast_bytes, .low = 0, .high = most},
    StackNumber{
        .key = "nvfp4_cast_bytes", .number = &Stack::nvfp4_cast_bytes, .low = 0, .high = most},
    StackNumber{.key = "logit_bytes", .number = &Stack::logit_bytes, .low = 0, .high = most},
    StackNumber{.key = "activation_factor",
                .number = &Stack::activation_factor,
                .low = least,
                .high = most},
    StackNumber{
        .key = "fragmentation_share", .number = &Stack::fragmentation_share, .low = 0, .high = 1},
    StackNumber{
        .key = "graph_host_time", .number = &Stack::graph_host_time, .low = least, .high = 1},
    StackNumber{.key = "overlapped_all_to_all",
                .number = &Stack::overlapped_all_to_all,
                .low = 0,
                .high = 1},
    StackNumber{
        .key = "vboost_gemm_time", .number = &Stack::vboost_gemm_time, .low = least, .high = 1},
};

template <typename T>
void check_range(const TomlTable& table, const StackNumber& number, const Fact<T>& fact) {
  double value = 0;
  if (!fact.value) return;
  if constexpr (std::is_same_v<T, double>) {
    value = *fact.value;
  } else {
    value = fact.value->in_base();
  }
  if (value >= number.low && value <= number.high) return;
  table.mistake(number.key, number.low == 0 ? fmt::format("must be at most {}", number.high)
                                            : fmt::format("must lie between {} and {}", number.low,
                                                          number.high));
}

void read_numbers(const TomlTable& root, const Stack* common, Stack& stack) {
  for (const StackNumber& number : numbers) {
    const bool taken = common != nullptr && !root.has(number.key);
    if (number.number != nullptr) {
      stack.*number.number = taken ? common->*number.number : root.number_fact(number.key);
      if (!taken) check_range(root, number, stack.*number.number);
    } else {
      stack.*number.time = taken ? common->*number.time : root.fact<Seconds>(number.key);
      if (!taken) check_range(root, number, stack.*number.time);
    }
  }
}

Fact<double> read_end(const TomlTable& table, const char* key, double low, double high) {
  Fact<double> fact = table.number_fact(key);
  if (fact.value && !(*fact.value >= low && *fact.value <= high)) {
    table.mistake(key, low < 1 ? "must be above 0 and at most 1" : "must be at least 1");
  }
  return fact;
}

StackSpread read_spread(const TomlTable& table) {
  return {.dense_low = read_end(table, "dense_low", least, 1),
          .dense_high = read_end(table, "dense_high", 1, most),
          .experts_low = read_end(table, "experts_low", least, 1),
          .experts_high = read_end(table, "experts_high", 1, most),
          .incomplete = read_end(table, "incomplete", 1, most)};
}

}  // namespace

std::int64_t fused_loss_rows(std::int64_t vocab) {
  constexpr std::int64_t logits = 1 << 20;
  return std::clamp<std::int64_t>(logits / vocab, 64, 512);
}

std::span<const StackNumber> stack_numbers() { return numbers; }

Result<Stack> parse_stack(std::string_view toml, std::string name, const Stack* common) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("stacks/{}.toml", name)));
  const TomlTable root = document->root();
  Stack stack;
  stack.name = std::move(name);
  stack.title = root.text("title");
  read_numbers(root, common, stack);
  stack.fused_attention = root.boolean_or("fused_attention", true);
  stack.flash_attention_2 = root.boolean_or("flash_attention_2", false);
  stack.fp32_gradients = root.boolean_or("fp32_gradients", true);
  stack.fp8_parameters = root.boolean_or("fp8_parameters", false);
  stack.fused_loss = root.boolean_or("fused_loss", false);
  stack.checkpoint_copy = root.boolean_or("checkpoint_copy", false);
  stack.dispatch_once = root.boolean_or("dispatch_once", false);
  stack.zero1_all_reduce = root.boolean_or("zero1_all_reduce", false);
  stack.schedules = read_schedules(root);
  if (common == nullptr) {
    stack.spread = read_spread(root.table("spread"));
    stack.known_spread = read_spread(root.table("spread_known"));
  }
  stack.known = root.boolean_or("known", true);
  if (common != nullptr) stack.spread = stack.known ? common->known_spread : common->spread;
  RETURN_IF_ERROR(document->finish());
  return stack;
}

}  // namespace celere::spec
