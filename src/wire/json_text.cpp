#include "wire/json_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

namespace celere::wire {
namespace {

using nlohmann::json;

// Builds the value as nlohmann's own handler does, and watches names and depth.
class StrictHandler final : public nlohmann::json_sax<json> {
 public:
  explicit StrictHandler(json& root) : build_(root, false) {}

  bool null() override { return build_.null(); }
  bool boolean(bool value) override { return build_.boolean(value); }
  bool number_integer(number_integer_t value) override { return build_.number_integer(value); }
  bool number_unsigned(number_unsigned_t value) override { return build_.number_unsigned(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return build_.number_float(value, text);
  }
  bool string(string_t& value) override { return build_.string(value); }
  bool binary(binary_t& value) override { return build_.binary(value); }
  bool start_object(std::size_t) override {
    names_.emplace_back();
    return deeper() && build_.start_object(static_cast<std::size_t>(-1));
  }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) {
      problem_ = fmt::format("the name \"{}\" stands twice in one object", name);
      return false;
    }
    return build_.key(name);
  }
  bool end_object() override {
    names_.pop_back();
    --depth_;
    return build_.end_object();
  }
  bool start_array(std::size_t) override {
    return deeper() && build_.start_array(static_cast<std::size_t>(-1));
  }
  bool end_array() override {
    --depth_;
    return build_.end_array();
  }
  bool parse_error(std::size_t place, const std::string&, const json::exception&) override {
    problem_ = fmt::format("is no JSON at byte {}", place);
    return false;
  }

  const std::string& problem() const { return problem_; }

 private:
  bool deeper() {
    if (++depth_ <= json_depth_max) return true;
    problem_ = fmt::format("is nested more than {} deep", json_depth_max);
    return false;
  }

  nlohmann::detail::json_sax_dom_parser<json> build_;
  std::vector<std::set<std::string>> names_;
  int depth_ = 0;
  std::string problem_;
};

}  // namespace

Result<json> parse_json(std::string_view text, const std::string& name) {
  json root;
  StrictHandler handler(root);
  if (!json::sax_parse(text.begin(), text.end(), &handler)) {
    return Error{ErrorCode::corrupt, fmt::format("{}: {}", name, handler.problem()), {}};
  }
  return root;
}

json json_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

std::optional<double> number_of_json(const json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

std::optional<std::int64_t> integer_of_json(const json& value) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}) {
    return std::nullopt;
  }
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<std::int64_t>();
}

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xc2 && first <= 0xdf ? 2
                               : (first & 0xf0) == 0xe0         ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    if (length == 0 || at + length > text.size()) return false;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
    }
    // Written longer than need be, a half of a surrogate pair, past the last code point.
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
        (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) {
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace celere::wire
