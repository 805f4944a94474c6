#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "tokens/build_state.hpp"
#include "tokens/cursor.hpp"
#include "tokens/lines.hpp"
#include "tokens/manifest.hpp"
#include "tokens/tokenizer_files.hpp"
#include "tokens/wordnet.hpp"

// The first byte picks the parser. What is read is written as text that reads back as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::tokens;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto manifest = parse_manifest(text, "m"); manifest.ok()) {
        const std::string once = written_manifest(*manifest);
        const auto back = parse_manifest(once, "m");
        CHECK(back.ok());
        CHECK(written_manifest(*back) == once);
      }
      break;
    case 1:
      if (const auto settings = parse_settings(text, "s"); settings.ok()) {
        CHECK(parse_settings(written_settings(*settings), "s").ok());
      }
      break;
    case 2:
      (void)field_of(text, "text");
      (void)fields_of(text, "question", "answer");
      break;
    case 3:
      if (const auto cursor = Cursor::parse(text); cursor.ok()) {
        CHECK(*Cursor::parse(cursor->json()) == *cursor);
        (void)cursor->number(cursor->consumed());
      }
      break;
    case 4:
      if (const auto state = parse_state(text, "b"); state.ok()) {
        CHECK(parse_state(written_state(*state), "b").ok());
      }
      break;
    default:
      (void)parse_synset(text);
  }
  return 0;
}
