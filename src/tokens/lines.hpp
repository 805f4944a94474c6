// The lines of a stream, one at a time, in bounded memory: a line over the limit is read past and
// said to be too long, however long it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "tokens/byte_stream.hpp"

namespace celere::tokens {

struct Line {
  std::string_view text;  // without LF or CRLF; valid until the next line is asked for
  bool too_long = false;  // then without text
};

class LineReader {
 public:
  // The stream must outlive it.
  LineReader(ByteStream& stream, std::uint64_t limit) : stream_(stream), limit_(limit) {}
  // Nothing at the end. Errors: of the stream.
  Result<std::optional<Line>> next();

 private:
  ByteStream& stream_;
  std::uint64_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what was not given out
  bool at_end_ = false;
};

// The field of a JSON object; why there is none.
enum class FieldState { fine, not_json, missing };
struct Field {
  FieldState state = FieldState::fine;
  std::string text;
};

// The text of a field of the JSON object that a line is; a field of another kind is missing.
Field field_of(std::string_view line, const std::string& name);
// Two fields of one object: fine where both are there.
struct FieldPair {
  FieldState state = FieldState::fine;
  std::string first, second;
};
FieldPair fields_of(std::string_view line, const std::string& first, const std::string& second);

}  // namespace celere::tokens
