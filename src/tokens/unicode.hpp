// What must be known of UTF-8 here.
#pragma once

#include <cstddef>
#include <string_view>

namespace celere::tokens {

// Well-formed as RFC 3629 says: shortest forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// Bytes of the character that begins with this one; 0 where none begins so.
std::size_t character_bytes(unsigned char first);

// Letters among the characters that are no white space: those of ASCII, and everything beyond ASCII
// (scripts are not told from other signs). 0 where there is none at all.
double letter_share(std::string_view text);

// Without ASCII white space at both ends.
std::string_view trimmed(std::string_view text);

char lower_ascii(char c);

}  // namespace celere::tokens
