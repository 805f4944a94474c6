// What is read is written back to the same measurement.
#include <cstdint>

#include "base/check.hpp"
#include "wire/measurement.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto measurement = celere::wire::parse_measurement(line);
  if (!measurement.ok()) return 0;
  const auto again = celere::wire::parse_measurement(celere::wire::written_json(*measurement));
  CHECK(again.ok() && *again == *measurement);
  return 0;
}
