#include "spec/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "spec/counted_steps.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr double rate_least = 1e-12, rate_most = 100;
constexpr double below_one = 1 - 1e-9;  // a moment that forgets nothing never moves

// The whole text as a number; nothing where there is more, or less.
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<StepsOrShare> steps_or_share(std::string_view text) {
  for (const std::string_view word : {" steps", " step"}) {
    if (!text.ends_with(word)) continue;
    const auto steps = number_in<std::int64_t>(text.substr(0, text.size() - word.size()));
    if (!steps || *steps < 0 || *steps > steps_max) return std::nullopt;
    return StepsOrShare{.steps = *steps};
  }
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const auto percent = number_in<double>(text);
  if (!percent || !(*percent >= 0 && *percent <= 100)) return std::nullopt;
  return StepsOrShare{.share = *percent / 100};
}

Muon read_muon(const TomlTable& table) {
  Muon muon;
  muon.learning_rate = table.number_or("learning_rate", muon.learning_rate, rate_least, rate_most);
  muon.weight_decay = table.number_or("weight_decay", muon.weight_decay, 0, rate_most);
  muon.momentum = table.number_or("momentum", muon.momentum, 0, below_one);
  muon.iterations = static_cast<int>(table.integer_or("iterations", muon.iterations, 1, 20));
  return muon;
}

// A key that only some kinds read would be obeyed in silence by none of the others.
void refuse(const TomlTable& table, const char* key, const char* kinds) {
  if (table.has(key)) table.mistake(key, fmt::format("is of {} alone", kinds));
}

}  // namespace

std::int64_t StepsOrShare::of(std::int64_t total) const {
  return steps + std::llround(share * static_cast<double>(total));
}

StepsOrShare read_steps_or_share(const TomlTable& table, const char* key, StepsOrShare fallback) {
  if (!table.has(key)) return fallback;
  if (!table.is_text(key)) {
    table.mistake(key, "must be a text with its unit, such as \"100 steps\" or \"2 %\"");
    return fallback;
  }
  const std::string text = table.text(key);
  if (const auto read = steps_or_share(text)) return *read;
  table.mistake(key, fmt::format("\"{}\" is neither a whole number of steps nor a share up to "
                                 "100 %; write for example \"100 steps\" or \"2 %\"",
                                 text));
  return fallback;
}

double learning_rate_factor(const Schedule& schedule, std::int64_t step, std::int64_t total) {
  CHECK(0 <= step && step < total);
  const std::int64_t warmup = std::min(schedule.warmup.of(total), total);
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (schedule.decay == Decay::constant) return 1;
  const std::int64_t left = total - warmup;
  const bool stable = schedule.decay == Decay::stable;
  const std::int64_t length = stable ? std::min(schedule.decay_over.of(total), left) : left;
  const std::int64_t into = step - (total - length);
  if (into < 0) return 1;
  const double done = static_cast<double>(into) / static_cast<double>(length);
  const double rest = stable ? 1 - done : (1 + std::cos(std::numbers::pi * done)) / 2;
  return schedule.final_share + (1 - schedule.final_share) * rest;
}

Schedule read_schedule(const TomlTable& table) {
  Schedule s;
  s.decay = static_cast<Decay>(
      table.choice("kind", {"constant", "cosine", "stable-decay"}, static_cast<int>(s.decay)));
  s.learning_rate = table.number_or("learning_rate", s.learning_rate, rate_least, rate_most);
  s.embedding_learning_rate =
      table.number_or("embedding_learning_rate", s.learning_rate, rate_least, rate_most);
  s.warmup = read_steps_or_share(table, "warmup", s.warmup);
  if (s.decay == Decay::stable) {
    s.decay_over = read_steps_or_share(table, "decay", s.decay_over);
    if (s.warmup.share + s.decay_over.share > 1 + 1e-9) {
      table.mistake("decay", fmt::format("{:g} % of the training and a warm-up of {:g} % are more "
                                         "than all of it",
                                         s.decay_over.share * 100, s.warmup.share * 100));
    }
  } else {
    refuse(table, "decay", "kind = \"stable-decay\"");
  }
  if (s.decay == Decay::constant) {
    refuse(table, "final", "kind = \"cosine\" and kind = \"stable-decay\"");
  } else {
    s.final_share = table.number_or("final", s.final_share, 0, 1);
  }
  s.weight_decay = table.number_or("weight_decay", s.weight_decay, 0, rate_most);
  s.beta1 = table.number_or("beta1", s.beta1, 0, below_one);
  s.beta2 = table.number_or("beta2", s.beta2, 0, below_one);
  s.epsilon = table.number_or("epsilon", s.epsilon, 0, 1);
  s.clip = table.number_or("clip", s.clip, 0, 1e9);
  s.seed = static_cast<std::uint64_t>(table.integer_or("seed", static_cast<std::int64_t>(s.seed)));
  if (const auto muon = table.table_if("muon")) s.muon = read_muon(*muon);
  return s;
}

}  // namespace celere::spec
