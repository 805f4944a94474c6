// JSON as strictly as our formats need it, over nlohmann-json. For source files only: it is slow to
// compile.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace celere::wire {

inline constexpr int json_depth_max = 32;

// An object or any other value, nested at most json_depth_max deep, without a name that stands
// twice in one object. Errors: corrupt, with `name` (of a file) before what is wrong.
Result<nlohmann::json> parse_json(std::string_view text, const std::string& name);

// A number, or "nan", "inf" and "-inf" for what JSON has no numbers for; and back.
nlohmann::json json_number(double value);
std::optional<double> number_of_json(const nlohmann::json& json);

// A whole number that fits; nothing for anything else.
std::optional<std::int64_t> integer_of_json(const nlohmann::json& json);

bool is_utf8(std::string_view text);

}  // namespace celere::wire
