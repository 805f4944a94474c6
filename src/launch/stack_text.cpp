#include "launch/stack_text.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace celere::launch {
namespace {

std::string demangled(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? text.get() : name;
}

// FILE(NAME+OFFSET)[ADDRESS]; the name may be missing.
std::string frame(std::string_view line) {
  const std::size_t open = line.find('('), close = line.find(')', open);
  const std::string_view file = line.substr(0, open);
  const std::string_view base = file.substr(file.rfind('/') + 1);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(line);
  const std::string_view inside = line.substr(open + 1, close - open - 1);
  const std::size_t plus = inside.rfind('+');
  const std::string name(inside.substr(0, plus));
  const std::string_view offset = plus == std::string_view::npos ? "" : inside.substr(plus);
  if (name.empty()) return std::string(base) + " " + std::string(offset);
  return demangled(name) + " " + std::string(offset);
}

}  // namespace

std::string readable_stack(std::string_view stack) {
  std::string out;
  while (!stack.empty()) {
    const std::size_t end = std::min(stack.find('\n'), stack.size());
    if (end > 0) out += frame(stack.substr(0, end)) + "\n";
    stack.remove_prefix(std::min(end + 1, stack.size()));
  }
  return out;
}

}  // namespace celere::launch
