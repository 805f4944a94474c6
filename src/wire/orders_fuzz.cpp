#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "wire/orders.hpp"

// What is read as an order is written as a line that reads back as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::wire;
  const auto order = parse_order({reinterpret_cast<const char*>(data), size});
  if (order.ok()) CHECK(*parse_order(written_json(*order)) == *order);
  return 0;
}
