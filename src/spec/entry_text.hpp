// For tests of parsers: an entry's text with a part of it replaced, and what is wrong with it.
#pragma once

#include <string>
#include <string_view>

#include "base/check.hpp"
#include "base/result.hpp"

namespace celere::spec {

// REQUIRES: `part` stands in the text; the first place is replaced.
inline std::string replaced(std::string text, std::string_view part, std::string_view replacement) {
  const auto at = text.find(part);
  CHECK(at != std::string::npos);
  return text.replace(at, part.size(), replacement);
}

// The message of the mistake; empty where there is none.
template <typename T>
std::string message_of(const Result<T>& result) {
  return result.ok() ? "" : result.error().message;
}

}  // namespace celere::spec
