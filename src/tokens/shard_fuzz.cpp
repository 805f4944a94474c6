#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "tokens/shard.hpp"

// An index that is accepted speaks of exactly the bytes of the .bin file. The first byte is that
// size in units of four.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::tokens;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto head = parse_index(text, std::uint64_t{4} * data[0], "x.idx");
  if (head.ok()) CHECK_EQ(34 + 20 * head->documents + 8, text.size());
  return 0;
}
