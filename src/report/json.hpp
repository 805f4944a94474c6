// What the JSON of answers is made of: keys in the order in which they were given, units at their
// ends, null for what is not known.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>

namespace celere::report {

using OrderedJson = nlohmann::ordered_json;

inline constexpr double joules_a_mwh = 3.6e9;

// Text that is not UTF-8 is mended. `indent`: -1 for one line.
std::string dumped(const OrderedJson& json, int indent);

// "no machine" as "no_machine".
std::string key_of(const char* name);

// An amount is written in its base unit, or in one of so many.
template <typename T>
OrderedJson or_null(const std::optional<T>& value, double unit = 1) {
  if (!value) return nullptr;
  if constexpr (std::is_arithmetic_v<T>) {
    return *value;
  } else {
    return value->in_base() / unit;
  }
}

}  // namespace celere::report
