// Whole lines, of a file or of what a process says; a last one without an end is a write that a
// kill cut short, or one that goes on.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace celere::wire {

// `visit(line)` gives a Status; its error gets file and line before it. Empty lines are passed
// over.
template <typename Visit>
Status for_each_line(std::string_view content, const std::string& path, const Visit& visit) {
  int number = 0;
  while (true) {
    const std::size_t end = content.find('\n');
    if (end == std::string_view::npos) return Done{};
    ++number;
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end + 1);
    if (line.empty()) continue;
    Status status = visit(line);
    if (status.ok()) continue;
    Error error = std::move(status).error();
    error.message = fmt::format("{}:{}: {}", path, number, error.message);
    return error;
  }
}

// Takes the whole lines out of what has come so far; what is begun stays.
inline std::vector<std::string> take_lines(std::string& begun) {
  std::vector<std::string> lines;
  std::size_t read = 0;
  for (std::size_t end = begun.find('\n'); end != std::string::npos; end = begun.find('\n', read)) {
    lines.push_back(begun.substr(read, end - read));
    read = end + 1;
  }
  begun.erase(0, read);
  return lines;
}

}  // namespace celere::wire
