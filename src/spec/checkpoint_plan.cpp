#include "spec/checkpoint_plan.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t steps_max = std::int64_t{1} << 40;
constexpr int keep_max = 1 << 20;

// "100 steps" or "1 step". Nothing where the text counts something else; 0, which was noted, where
// it is no count.
std::optional<std::int64_t> read_steps(const TomlTable& table, const char* key) {
  if (!table.is_text(key)) return std::nullopt;
  const std::string text = table.text(key);
  std::string_view number = text;
  if (number.ends_with(" steps")) {
    number.remove_suffix(6);
  } else if (number.ends_with(" step")) {
    number.remove_suffix(5);
  } else {
    return std::nullopt;
  }
  std::int64_t steps = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), steps);
  if (error == std::errc{} && end == number.data() + number.size() && steps >= 1 &&
      steps <= steps_max) {
    return steps;
  }
  table.mistake(key, fmt::format("\"{}\" is not a whole number of at least 1", text));
  return 0;
}

}  // namespace

CheckpointPlan read_checkpoint_plan(const TomlTable& table) {
  CheckpointPlan plan;
  const bool optimal =
      !table.has("every") || (table.is_text("every") && table.text("every") == "optimal");
  if (!optimal) {
    plan.every_steps = read_steps(table, "every");
    if (!plan.every_steps) {
      plan.every = table.quantity<Seconds>("every");
      if (*plan.every == Seconds{}) table.mistake("every", "must be more than nothing");
    }
  }
  plan.memory_copy = table.boolean_or("memory_copy", false);
  plan.keep = static_cast<int>(table.integer_or("keep", 3, 1, keep_max));
  if (table.has("keep_every")) {
    const std::optional<std::int64_t> steps = read_steps(table, "keep_every");
    if (!steps) table.mistake("keep_every", "must count steps, such as \"1000 steps\"");
    plan.keep_every = steps.value_or(0);
  }
  return plan;
}

}  // namespace celere::spec
