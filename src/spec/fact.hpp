// A number of the catalogue: its value or "unknown", how sure it is, and where it comes from.
#pragma once

#include <optional>
#include <string>

#include "base/interval.hpp"
#include "base/result.hpp"

namespace celere::spec {

enum class Grade { measured, maker, secondary, derived, fitted, assumption };
inline constexpr int grade_count = 6;

const char* name_of(Grade grade);

template <typename T>
struct Fact {
  std::optional<T> value;  // empty: the entry says "unknown"
  T low{};  // the ends of the stated interval; equal to the value where none is stated
  T high{};
  Grade grade = Grade::assumption;
  std::string source;  // the full text, not its short name
  std::string where;   // "clusters/xai-100k-h100.toml: power.per_gpu"

  bool known() const { return value.has_value(); }

  // The value, or an unknown_value error that names the entry and key that would have to say it.
  Result<T> needed_for(const std::string& what) const {
    if (value) return *value;
    return Error{ErrorCode::unknown_value,
                 where + " is unknown, and " + what + " needs it (source: " + source + ")",
                 {}};
  }
};

}  // namespace celere::spec
