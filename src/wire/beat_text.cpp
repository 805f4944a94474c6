#include "wire/beat_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

namespace celere::wire {
namespace {

// What stands in JSON as it is.
bool is_plain(char letter) {
  return letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
}

class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {}

  // Each goes on behind what it took; false: it is not there.
  bool skip(std::string_view what) {
    if (text_.substr(0, what.size()) != what) return false;
    text_.remove_prefix(what.size());
    return true;
  }
  bool take(std::string& value) {
    const auto end = std::find_if_not(text_.begin(), text_.end(), is_plain);
    if (end == text_.end() || *end != '"') return false;
    const auto size = static_cast<std::size_t>(end - text_.begin());
    value = text_.substr(0, size);
    text_.remove_prefix(size + 1);
    return true;
  }
  template <typename Number>
  bool take(Number& value) {
    const std::size_t size = std::min(text_.find_first_of(",}"), text_.size());
    if (!is_number(text_.substr(0, size))) return false;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + size, value);
    if (error != std::errc() || end != text_.data() + size) return false;
    text_.remove_prefix(size);
    return true;
  }
  bool ended() const { return text_.empty(); }

 private:
  // from_chars takes more than JSON has: "007", ".5", "5.", "inf".
  static bool is_number(std::string_view number) {
    if (number.starts_with('-')) number.remove_prefix(1);
    const auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
    if (number.empty() || !is_digit(number.front())) return false;
    if (number.front() == '0' && number.size() > 1 && is_digit(number[1])) return false;
    const std::size_t point = number.find('.');
    return point == number.npos || (point + 1 < number.size() && is_digit(number[point + 1]));
  }

  std::string_view text_;
};

bool take(Text& text, InCollective& it) {
  return text.skip("\"bytes\":") && text.take(it.bytes) && text.skip(",\"group\":\"") &&
         text.take(it.group) && text.skip(",\"in_group\":") && text.take(it.in_group) &&
         text.skip(",\"op\":\"") && text.take(it.kind) && text.skip(",\"time_s\":") &&
         text.take(it.time_s) && text.skip("}");
}

bool take(Text& text, StepTime& it) {
  return text.skip("{\"compute_time_s\":") && text.take(it.compute_time_s) &&
         text.skip(",\"step\":") && text.take(it.step) && text.skip(",\"whole_time_s\":") &&
         text.take(it.whole_time_s) && text.skip("}");
}

bool take(Text& text, RankBeat& it);

// The items of a list, behind its bracket, and the bracket that closes it.
template <typename T>
bool take(Text& text, std::vector<T>& list) {
  if (text.skip("]")) return true;
  do {
    if (!take(text, list.emplace_back())) return false;
  } while (text.skip(","));
  return text.skip("]");
}

bool take(Text& text, RankBeat& it) {
  if (!text.skip("{")) return false;
  if (text.skip("\"collective\":{") && !(take(text, it.collective.emplace()) && text.skip(","))) {
    return false;
  }
  return text.skip("\"phase\":\"") && text.take(it.phase) && text.skip(",\"phase_time_s\":") &&
         text.take(it.phase_time_s) && text.skip(",\"process\":") && text.take(it.process) &&
         text.skip(",\"rank\":") && text.take(it.rank) && text.skip(",\"step\":") &&
         text.take(it.step) && text.skip(",\"steps\":[") && take(text, it.steps) && text.skip("}");
}

bool is_written(const RankBeat& rank) {
  const auto plain = [](const std::string& text) { return std::ranges::all_of(text, is_plain); };
  const auto& in = rank.collective;
  return plain(rank.phase) && std::isfinite(rank.phase_time_s) &&
         (!in || (plain(in->group) && plain(in->kind) && std::isfinite(in->time_s))) &&
         std::ranges::all_of(rank.steps, [](const StepTime& step) {
           return std::isfinite(step.compute_time_s) && std::isfinite(step.whole_time_s);
         });
}

void write(const RankBeat& rank, std::string& out) {
  auto to = std::back_inserter(out);
  out += '{';
  if (const auto& in = rank.collective) {
    fmt::format_to(to, R"("collective":{{"bytes":{},"group":"{}","in_group":{},"op":"{}",)",
                   in->bytes, in->group, in->in_group, in->kind);
    fmt::format_to(to, R"("time_s":{}}},)", in->time_s);
  }
  fmt::format_to(to, R"("phase":"{}","phase_time_s":{},"process":{},"rank":{},"step":{},"steps":[)",
                 rank.phase, rank.phase_time_s, rank.process, rank.rank, rank.step);
  for (const StepTime& step : rank.steps) {
    if (&step != &rank.steps.front()) out += ',';
    fmt::format_to(to, R"({{"compute_time_s":{},"step":{},"whole_time_s":{}}})",
                   step.compute_time_s, step.step, step.whole_time_s);
  }
  out += "]}";
}

}  // namespace

std::optional<std::string> beat_text(const AgentBeat& beat) {
  if (!std::ranges::all_of(beat.ranks, is_written)) return std::nullopt;
  std::string out = fmt::format(R"({{"generation":{},"kind":"beat","ranks":[)", beat.generation);
  for (const RankBeat& rank : beat.ranks) {
    if (&rank != &beat.ranks.front()) out += ',';
    write(rank, out);
  }
  out += "]}";
  return out;
}

std::optional<AgentBeat> read_beat_text(std::string_view text) {
  Text rest(text);
  AgentBeat beat;
  const bool taken = rest.skip("{\"generation\":") && rest.take(beat.generation) &&
                     rest.skip(",\"kind\":\"beat\",\"ranks\":[") && take(rest, beat.ranks) &&
                     rest.skip("}") && rest.ended();
  if (!taken) return std::nullopt;
  return beat;
}

}  // namespace celere::wire
