// What is read as a status is written as text that reads back as the same.
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "wire/status.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::wire;
  const auto status = parse_status({reinterpret_cast<const char*>(data), size});
  if (!status.ok()) return 0;
  const std::string once = written_json(*status);
  const auto again = parse_status(once);
  CHECK(again.ok());
  CHECK(written_json(*again) == once);
  return 0;
}
