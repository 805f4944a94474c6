#include "tokens/unicode.hpp"

#include <cstdint>
#include <cstring>

namespace celere::tokens {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::size_t character_bytes(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;  // a continuation, or a longer form than needed
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight = 0;
    if (at + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080ULL) == 0) {
        at += 8;
        continue;
      }
    }
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = character_bytes(first);
    if (bytes == 0 || at + bytes > text.size()) return false;
    for (std::size_t i = 1; i < bytes; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return false;
    }
    if (bytes > 2) {
      const auto second = static_cast<unsigned char>(text[at + 1]);
      if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
          (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
        return false;
      }
    }
    at += bytes;
  }
  return true;
}

double letter_share(std::string_view text) {
  std::uint64_t letters = 0, characters = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_space(c) || (byte & 0xC0) == 0x80) continue;
    ++characters;
    const char low = lower_ascii(c);
    letters += (low >= 'a' && low <= 'z') || byte >= 0x80 ? 1 : 0;
  }
  return characters == 0 ? 0 : static_cast<double>(letters) / static_cast<double>(characters);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace celere::tokens
