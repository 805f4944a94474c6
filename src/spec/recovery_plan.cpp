#include "spec/recovery_plan.hpp"

#include <fmt/format.h>

#include "spec/counted_steps.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t count_max = 1 << 20;
constexpr std::int64_t ranks_max = 1 << 24;
// Noise alone makes a rank slower than the median by less than the one; a rank that is slower by
// more than the other is found by its deadline.
constexpr double factor_least = 1.01, factor_most = 1000;

int count(const TomlTable& table, const char* key, int fallback, int least) {
  return static_cast<int>(table.integer_or(key, fallback, least, count_max));
}

Seconds time_above_0(const TomlTable& table, const char* key, Seconds fallback) {
  const Seconds time = table.quantity_if<Seconds>(key).value_or(fallback);
  if (time == Seconds{}) table.mistake(key, "must be more than nothing");
  return time;
}

bool is_word(const TomlTable& table, const char* key, const char* word) {
  return table.is_text(key) && table.text(key) == word;
}

}  // namespace

RecoveryPlan read_recovery_plan(const TomlTable& table) {
  RecoveryPlan plan;
  plan.retries = count(table, "retries", plan.retries, 0);
  plan.back_off = table.quantity_if<Seconds>("back_off").value_or(plan.back_off);
  plan.back_off_max = table.quantity_if<Seconds>("back_off_max").value_or(plan.back_off_max);
  if (plan.back_off_max < plan.back_off) {
    table.mistake("back_off_max", fmt::format("{} is less than back_off, {}",
                                              written(plan.back_off_max), written(plan.back_off)));
  }
  plan.node_failures = count(table, "node_failures", plan.node_failures, 1);
  plan.node_window = time_above_0(table, "node_window", plan.node_window);
  plan.node_patience = table.quantity_if<Seconds>("node_patience").value_or(plan.node_patience);
  plan.resize = table.boolean_or("resize", plan.resize);
  plan.straggler_factor =
      table.number_or("straggler_factor", plan.straggler_factor, factor_least, factor_most);
  plan.skips = count(table, "skips", plan.skips, 0);
  if (table.has("step_deadline") && !is_word(table, "step_deadline", "auto")) {
    plan.step_deadline = time_above_0(table, "step_deadline", Seconds::of(1));
  }
  if (table.has("spares_are")) {
    plan.spares_are =
        static_cast<SpareKind>(table.choice("spares_are", {"hot", "warm", "cold"}, 0));
  }
  if (table.has("ranks_per_node")) {
    plan.ranks_per_node = static_cast<int>(table.integer("ranks_per_node", 1, ranks_max));
  }
  return plan;
}

std::int64_t read_check_every(const TomlTable& table) {
  if (!table.has("check_every") || is_word(table, "check_every", "never")) return 0;
  const std::optional<std::int64_t> steps = counted_steps(table, "check_every");
  if (!steps) table.mistake("check_every", "must be \"never\" or count steps, as in \"50 steps\"");
  return steps.value_or(0);
}

}  // namespace celere::spec
