// A number of steps as people write it: "100 steps", "1 step".
#pragma once

#include <cstdint>
#include <optional>

namespace celere::spec {

class TomlTable;

inline constexpr std::int64_t steps_max = std::int64_t{1} << 40;

// At least 1. Nothing where the key is absent or its text counts something else, which is for the
// caller to say; 0, and noted in the table's document, where it is no count of steps.
std::optional<std::int64_t> counted_steps(const TomlTable& table, const char* key);

}  // namespace celere::spec
