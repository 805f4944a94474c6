// Whatever the bytes: a stack is read or refused with a message.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "spec/stack.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto stack = celere::spec::parse_stack(text, "fuzz");
  if (!stack.ok()) {
    CHECK(!stack.error().message.empty());
    return 0;
  }
  CHECK(!stack->schedules.empty());
  if (stack->tp_overlap.known()) CHECK(*stack->tp_overlap.value <= 1);
  return 0;
}
