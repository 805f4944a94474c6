#include "tokens/lines.hpp"

#include <nlohmann/json.hpp>

namespace celere::tokens {
namespace {

constexpr std::size_t chunk_bytes = 1 << 18;

using Json = nlohmann::json;

bool take(const Json& object, const std::string& name, std::string& text) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return false;
  text = found->get_ref<const std::string&>();
  return true;
}

}  // namespace

Result<std::optional<Line>> LineReader::next() {
  bool too_long = false;
  std::size_t searched = begin_;
  while (true) {
    const std::size_t found = buffer_.find('\n', searched);
    const bool ended = found != std::string::npos;
    if (ended || (at_end_ && (begin_ < buffer_.size() || too_long))) {
      const std::size_t end = ended ? found : buffer_.size();
      std::string_view text = std::string_view(buffer_).substr(begin_, end - begin_);
      begin_ = ended ? end + 1 : end;
      if (text.ends_with('\r')) text.remove_suffix(1);
      if (too_long || text.size() > limit_)
        return std::optional(Line{.text = {}, .too_long = true});
      return std::optional(Line{.text = text, .too_long = false});
    }
    if (at_end_) return std::optional<Line>();
    if (buffer_.size() - begin_ > limit_) {
      too_long = true;
      begin_ = buffer_.size();
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    searched = buffer_.size();
    buffer_.resize(searched + chunk_bytes);
    ASSIGN_OR_RETURN(const std::size_t count,
                     stream_.read({buffer_.data() + searched, chunk_bytes}));
    buffer_.resize(searched + count);
    at_end_ = count == 0;
  }
}

Field field_of(std::string_view line, const std::string& name) {
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return {.state = FieldState::not_json, .text = {}};
  Field field;
  if (!take(object, name, field.text)) field.state = FieldState::missing;
  return field;
}

FieldPair fields_of(std::string_view line, const std::string& first, const std::string& second) {
  const Json object = Json::parse(line, nullptr, false);
  FieldPair pair;
  if (!object.is_object()) {
    pair.state = FieldState::not_json;
  } else if (!take(object, first, pair.first) || !take(object, second, pair.second)) {
    pair.state = FieldState::missing;
  }
  return pair;
}

}  // namespace celere::tokens
