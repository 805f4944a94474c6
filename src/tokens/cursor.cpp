#include "tokens/cursor.hpp"

#include <nlohmann/json.hpp>

#include "base/check.hpp"

namespace celere::tokens {
namespace {

using Json = nlohmann::ordered_json;
constexpr int version = 1;
// Far beyond any training, and far from where sums of two would overflow.
constexpr std::uint64_t number_max = std::uint64_t{1} << 62;

Error wrong(const char* what) {
  return {ErrorCode::corrupt, std::string("the cursor of the samples ") + what, {}};
}

}  // namespace

std::uint64_t Cursor::number(std::uint64_t k) const {
  for (const SampleRange& range : skipped_) {
    if (k < range.begin) break;
    k += range.end - range.begin;
  }
  return k;
}

void Cursor::skip(std::uint64_t samples) {
  if (samples == 0) return;
  const std::uint64_t begin = number(consumed_);
  CHECK_LE(samples, number_max - begin);
  // A range that ends where this one begins, and those that it reaches, become one with it.
  std::vector<SampleRange> all;
  std::uint64_t at = begin;
  std::size_t next = 0;
  while (next < skipped_.size() && skipped_[next].begin < begin) all.push_back(skipped_[next++]);
  if (!all.empty() && all.back().end == begin) {
    at = all.back().begin;
    all.pop_back();
  }
  std::uint64_t end = begin + samples;
  while (next < skipped_.size() && skipped_[next].begin <= end) {
    end += skipped_[next].end - skipped_[next].begin;
    ++next;
  }
  all.push_back({at, end});
  while (next < skipped_.size()) all.push_back(skipped_[next++]);
  skipped_ = std::move(all);
}

std::string Cursor::json() const {
  Json ranges = Json::array();
  for (const SampleRange& range : skipped_) ranges.push_back({range.begin, range.end});
  return Json{{"version", version}, {"consumed", consumed_}, {"skipped", ranges}}.dump();
}

Result<Cursor> Cursor::parse(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  const auto is_number = [](const Json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() <= number_max;
  };
  if (!json.is_object()) return wrong("is no JSON object");
  if (!json.contains("version") || json["version"] != version)
    return wrong("is of another version");
  if (!json.contains("consumed") || !is_number(json["consumed"])) {
    return wrong("does not say what was consumed");
  }
  if (!json.contains("skipped") || !json["skipped"].is_array()) {
    return wrong("does not say what was skipped");
  }
  Cursor cursor;
  cursor.consumed_ = json["consumed"].get<std::uint64_t>();
  for (const Json& range : json["skipped"]) {
    if (!range.is_array() || range.size() != 2 || !is_number(range[0]) || !is_number(range[1])) {
      return wrong("has a range that is none");
    }
    const SampleRange next{range[0].get<std::uint64_t>(), range[1].get<std::uint64_t>()};
    const bool first = cursor.skipped_.empty();
    if (next.begin >= next.end || (!first && next.begin <= cursor.skipped_.back().end)) {
      return wrong("has ranges that do not ascend");
    }
    cursor.skipped_.push_back(next);
  }
  return cursor;
}

}  // namespace celere::tokens
