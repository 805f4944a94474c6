#include "spec/checkpoint_plan.hpp"

#include <string>

#include "spec/counted_steps.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr int keep_max = 1 << 20;

}  // namespace

CheckpointPlan read_checkpoint_plan(const TomlTable& table) {
  CheckpointPlan plan;
  const bool optimal =
      !table.has("every") || (table.is_text("every") && table.text("every") == "optimal");
  if (!optimal) {
    plan.every_steps = counted_steps(table, "every");
    if (!plan.every_steps) {
      plan.every = table.quantity<Seconds>("every");
      if (*plan.every == Seconds{}) table.mistake("every", "must be more than nothing");
    }
  }
  plan.memory_copy = table.boolean_or("memory_copy", false);
  plan.keep = static_cast<int>(table.integer_or("keep", 3, 1, keep_max));
  if (table.has("keep_every")) {
    const std::optional<std::int64_t> steps = counted_steps(table, "keep_every");
    if (!steps) table.mistake("keep_every", "must count steps, such as \"1000 steps\"");
    plan.keep_every = steps.value_or(0);
  }
  return plan;
}

}  // namespace celere::spec
