#include "spec/counted_steps.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>

#include "spec/toml_reader.hpp"

namespace celere::spec {

std::optional<std::int64_t> counted_steps(const TomlTable& table, const char* key) {
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

}  // namespace celere::spec
