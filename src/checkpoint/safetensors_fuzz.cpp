#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "checkpoint/safetensors.hpp"

// Whatever is taken for a header has tensors that lie side by side within the file and whose bytes
// fit their shapes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::checkpoint;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  // The first byte says how much data the file has behind what is given.
  const std::size_t more = bytes.empty() ? 0 : std::to_integer<std::size_t>(bytes[0]);
  const auto rest = bytes.subspan(bytes.empty() ? 0 : 1);
  const auto header = parse_safetensors_header(rest, rest.size() + more, "fuzz");
  if (!header.ok()) return 0;
  std::uint64_t at = 0;
  for (const TensorInfo& tensor : header->tensors) {
    CHECK_EQ(tensor.begin, at);
    CHECK_EQ(tensor.end - tensor.begin,
             static_cast<std::uint64_t>(count(tensor.shape)) * item_size(tensor.dtype));
    at = tensor.end;
  }
  CHECK_EQ(header->data_begin + at, rest.size() + more);
  return 0;
}
