// What rules ask of the words in a row.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace celere::study {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The whole number right behind `before`, as 128 in "FSDP (128-way)" behind "(".
inline std::optional<int> number_behind(std::string_view text, std::string_view before) {
  const std::size_t place = text.find(before);
  if (place == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(place + before.size());
  int number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

}  // namespace celere::study
