#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "wire/events.hpp"
#include "wire/json_text.hpp"
#include "wire/metrics.hpp"

// What is read as JSON, as metrics or as an event is written as text that reads back as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = parse_json(text, "fuzz");
  if (json.ok()) CHECK(*parse_json(json->dump(), "again") == *json);
  if (const auto metrics = parse_metrics(text); metrics.ok()) {
    const std::string once = written_json(*metrics);
    CHECK(once == written_json(*parse_metrics(once)));
  }
  if (const auto event = parse_event(text); event.ok()) {
    const std::string once = written_json(*event);
    CHECK(once == written_json(*parse_event(once)));
  }
  return 0;
}
