// Whatever the bytes: a set of failures is read or refused with a message.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "spec/failure_set.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto set = celere::spec::parse_failure_set(text, "fuzz");
  if (!set.ok()) {
    CHECK(!set.error().message.empty());
    return 0;
  }
  CHECK(!set->causes.empty());
  for (const auto& cause : set->causes) {
    if (cause.group && cause.group->known()) CHECK(*cause.group->value >= 1);
    if (cause.weibull) CHECK(cause.span.has_value());
  }
  for (const auto& slowdown : set->slowdowns) CHECK(slowdown.lasts < slowdown.every);
  if (set->lemon_nodes.known()) CHECK(*set->lemon_nodes.value <= 1);
  return 0;
}
