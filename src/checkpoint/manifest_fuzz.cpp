#include <cstdint>
#include <span>
#include <string>

#include "base/check.hpp"
#include "checkpoint/checksum.hpp"
#include "checkpoint/manifest.hpp"

// The input is what follows the first line, which gets its right checksum here: the fuzzer would
// not guess it. Whatever is read is written as text that reads back as the same, and names no file
// outside its folder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::checkpoint;
  const std::string rest(reinterpret_cast<const char*>(data), size);
  (void)parse_manifest(rest, "raw");
  const std::string sum = checksum_of(std::as_bytes(std::span(rest)));
  const auto manifest = parse_manifest("{\"xxh3_128\": \"" + sum + "\",\n" + rest, "fuzz");
  if (!manifest.ok()) return 0;
  for (const StoredFile& file : manifest->files) {
    CHECK(file.name.find('/') == std::string::npos && !file.name.starts_with('.'));
  }
  const auto text = written_manifest(*manifest);
  CHECK(text.ok());
  CHECK(*parse_manifest(*text, "again") == *manifest);
  return 0;
}
