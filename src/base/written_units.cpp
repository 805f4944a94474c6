#include "base/written_units.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

namespace celere {
namespace {

constexpr int seconds_axis = 0, bytes_axis = 1, work_axis = 2, token_axis = 3, money_axis = 4,
              energy_axis = 5;

struct Symbol {
  std::string_view text;
  int axis;
  double factor;
  bool large_prefixes;  // k M G ...
  bool small_prefixes;  // m u n p
  bool plural;
};

constexpr double day = 86400;
constexpr std::array<Symbol, 17> symbols = {{
    {"s", seconds_axis, 1, false, true, false},
    {"min", seconds_axis, 60, false, false, false},
    {"h", seconds_axis, 3600, false, false, false},
    {"hour", seconds_axis, 3600, false, false, true},
    {"day", seconds_axis, day, false, false, true},
    {"week", seconds_axis, 7 * day, false, false, true},
    {"year", seconds_axis, 365.25 * day, false, false, true},
    {"month", seconds_axis, 365.25 / 12 * day, false, false, true},
    {"B", bytes_axis, 1, true, false, false},
    {"b", bytes_axis, 0.125, true, false, false},
    {"FLOP", work_axis, 1, true, false, true},
    {"token", token_axis, 1, true, false, true},
    {"$", money_axis, 1, true, false, false},
    {"J", energy_axis, 1, true, true, false},
    {"Wh", energy_axis, 3600, true, true, false},
    {"W", energy_axis, 1, true, true, false},  // and a second below: see unit_of
    {"", -1, 1, false, false, false},
}};

struct Prefix {
  std::string_view text;
  double factor;
  bool small;
};
constexpr double kilo = 1e3, mega = 1e6, giga = 1e9, tera = 1e12, peta = 1e15, exa = 1e18;
constexpr double kibi = 1024, mebi = kibi * 1024, gibi = mebi * 1024, tebi = gibi * 1024,
                 pebi = tebi * 1024;
constexpr std::array<Prefix, 16> prefixes = {{
    {"Ki", kibi, false},
    {"Mi", mebi, false},
    {"Gi", gibi, false},
    {"Ti", tebi, false},
    {"Pi", pebi, false},
    {"k", kilo, false},
    {"M", mega, false},
    {"G", giga, false},
    {"T", tera, false},
    {"P", peta, false},
    {"E", exa, false},
    {"m", 1e-3, true},
    {"u", 1e-6, true},
    {"n", 1e-9, true},
    {"p", 1e-12, true},
    {"", 1, false},
}};

struct Unit {
  double factor = 1;
  Dimension dimension{};
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "GiB", "Mi tokens", "$": one side of a quotient.
std::optional<Unit> unit_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  for (const Prefix& prefix : prefixes) {
    if (text.substr(0, prefix.text.size()) != prefix.text) continue;
    const std::string_view rest = trimmed(text.substr(prefix.text.size()));
    for (const Symbol& symbol : symbols) {
      if (symbol.axis < 0) continue;
      const bool same = rest == symbol.text ||
                        (symbol.plural && rest.size() == symbol.text.size() + 1 &&
                         rest.back() == 's' && rest.substr(0, symbol.text.size()) == symbol.text);
      if (!same) continue;
      if (!prefix.text.empty() && !(prefix.small ? symbol.small_prefixes : symbol.large_prefixes))
        continue;
      Unit unit{.factor = prefix.factor * symbol.factor, .dimension = {}};
      unit.dimension[static_cast<std::size_t>(symbol.axis)] = 1;
      if (symbol.text == "W") unit.dimension[seconds_axis] = -1;
      return unit;
    }
  }
  return std::nullopt;
}

std::optional<Unit> quotient_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return unit_of(trimmed(text));
  const std::string_view above = trimmed(text.substr(0, slash));
  const std::optional<Unit> below = unit_of(trimmed(text.substr(slash + 1)));
  const std::optional<Unit> numerator = above.empty() ? Unit{} : unit_of(above);
  if (!numerator || !below) return std::nullopt;
  Unit unit{.factor = numerator->factor / below->factor, .dimension = numerator->dimension};
  for (std::size_t axis = 0; axis < unit.dimension.size(); ++axis)
    unit.dimension[axis] -= below->dimension[axis];
  return unit;
}

// 1.53, 15.3, 153, 1530: three significant digits, without an exponent.
std::string three_digits(double value) {
  if (value == 0) return "0";
  const int digits =
      std::max(0, 2 - static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9)));
  std::string text = fmt::format("{:.{}f}", value, std::min(digits, 12));
  return text;
}

std::string with_prefix(double value, std::string_view unit) {
  constexpr std::array<std::pair<double, const char*>, 7> steps = {
      {{exa, "E"}, {peta, "P"}, {tera, "T"}, {giga, "G"}, {mega, "M"}, {kilo, "k"}, {1, ""}}};
  for (const auto& [factor, prefix] : steps) {
    // 999.6 would print as 1000: the next prefix takes it.
    if (std::abs(value) >= factor * 0.9995 || factor == 1) {
      return fmt::format("{} {}{}", three_digits(value / factor), prefix, unit);
    }
  }
  return {};
}

}  // namespace

std::string example_of(Dimension dimension) {
  const std::array<std::pair<Dimension, const char*>, 13> known = {{
      {{1, 0, 0, 0, 0, 0}, "\"20 min\", \"1.5 s\" or \"8 us\""},
      {{0, 1, 0, 0, 0, 0}, "\"80 GiB\" or \"2 TB\""},
      {{0, 0, 1, 0, 0, 0}, "\"3.5e26 FLOP\""},
      {{0, 0, 0, 1, 0, 0}, "\"75 T tokens\" or \"64 Mi tokens\""},
      {{0, 0, 0, 0, 1, 0}, "\"700 M$\""},
      {{0, 0, 0, 0, 0, 1}, "\"1.2 TWh\" or \"5 GJ\""},
      {{-1, 0, 0, 0, 0, 0}, "\"3.8e-3 /day\""},
      {{-1, 1, 0, 0, 0, 0}, "\"400 Gb/s\" or \"50 GB/s\""},
      {{-1, 0, 1, 0, 0, 0}, "\"989 TFLOP/s\""},
      {{-1, 0, 0, 1, 0, 0}, "\"2 M tokens/s\""},
      {{-1, 0, 0, 0, 1, 0}, "\"2.5 $/h\""},
      {{0, 0, 0, 0, 1, -1}, "\"0.07 $/kWh\""},
      {{-1, 0, 0, 0, 0, 1}, "\"700 W\" or \"150 MW\""},
  }};
  for (const auto& [of, text] : known) {
    if (of == dimension) return text;
  }
  return "a plain number";
}

Result<double> parse_written(std::string_view text, Dimension dimension) {
  const std::string_view all = trimmed(text);
  double number = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), number);
  if (error != std::errc{} || !std::isfinite(number)) {
    return bad_input(fmt::format("\"{}\" does not begin with a number; write for example {}", text,
                                 example_of(dimension)));
  }
  const std::string_view unit_text =
      trimmed(all.substr(static_cast<std::size_t>(end - all.data())));
  if (dimension == Dimension{}) {
    if (unit_text == "%") return number / 100;
    if (unit_text.empty()) return number;
    return bad_input(
        fmt::format("\"{}\" has the unit \"{}\", and a plain number is needed", text, unit_text));
  }
  if (unit_text.empty()) {
    return bad_input(
        fmt::format("\"{}\" has no unit; write for example {}", text, example_of(dimension)));
  }
  const std::optional<Unit> unit = quotient_of(unit_text);
  if (!unit) {
    return bad_input(fmt::format("\"{}\" has the unknown unit \"{}\"; write for example {}", text,
                                 unit_text, example_of(dimension)));
  }
  if (unit->dimension != dimension) {
    return bad_input(fmt::format("\"{}\" is of the wrong kind; write for example {}", text,
                                 example_of(dimension)));
  }
  const double amount = number * unit->factor;
  if (!std::isfinite(amount)) return bad_input(fmt::format("\"{}\" is too large", text));
  return amount;
}

Result<double> parse_share(std::string_view text) { return parse_written(text, Dimension{}); }

std::string written(Seconds time) {
  const double s = time.in_base();
  const double size = std::abs(s);
  if (std::isinf(s)) return "never";
  if (size >= 2 * 365.25 * day) return fmt::format("{} years", three_digits(s / (365.25 * day)));
  if (size >= 2 * day) return fmt::format("{} days", three_digits(s / day));
  if (size >= 7200) return fmt::format("{} h", three_digits(s / 3600));
  if (size >= 120) return fmt::format("{} min", three_digits(s / 60));
  if (size >= 0.9995 || size == 0) return fmt::format("{} s", three_digits(s));
  if (size >= 0.9995e-3) return fmt::format("{} ms", three_digits(s * 1e3));
  return fmt::format("{} us", three_digits(s * 1e6));
}

std::string written(Bytes bytes) {
  constexpr std::array<std::pair<double, const char*>, 6> steps = {
      {{pebi, "PiB"}, {tebi, "TiB"}, {gibi, "GiB"}, {mebi, "MiB"}, {kibi, "KiB"}, {1, "B"}}};
  const double value = bytes.in_base();
  for (const auto& [factor, unit] : steps) {
    if (std::abs(value) >= factor || factor == 1)
      return fmt::format("{} {}", three_digits(value / factor), unit);
  }
  return {};
}

std::string written(BytesPerSecond rate) { return with_prefix(rate.in_base(), "B/s"); }
std::string written(Flops work) {
  return work.in_base() >= 1e21 ? fmt::format("{:.3g} FLOP", work.in_base())
                                : with_prefix(work.in_base(), "FLOP");
}
std::string written(FlopsPerSecond rate) { return with_prefix(rate.in_base(), "FLOP/s"); }

std::string written(Tokens tokens) {
  const double value = tokens.in_base();
  constexpr std::array<std::pair<double, const char*>, 3> whole = {
      {{gibi, "Gi"}, {mebi, "Mi"}, {kibi, "Ki"}}};
  for (const auto& [factor, prefix] : whole) {
    if (value >= factor && value < 10000 * factor && std::fmod(value, factor) == 0) {
      return fmt::format("{:.0f} {} tokens", value / factor, prefix);
    }
  }
  return with_prefix(value, value >= 999.5 ? " tokens" : "tokens");
}

std::string written(TokensPerSecond rate) {
  return with_prefix(rate.in_base(), rate.in_base() >= 999.5 ? " tokens/s" : "tokens/s");
}
std::string written(Dollars money) { return with_prefix(money.in_base(), "$"); }
std::string written(Joules energy) { return with_prefix(energy.in_base() / 3600, "Wh"); }
std::string written(Watts power) { return with_prefix(power.in_base(), "W"); }
std::string written(PerSecond rate) { return fmt::format("{:.3g} /day", rate.in_base() * day); }
std::string written(DollarsPerSecond rate) {
  return fmt::format("{} $/h", three_digits(rate.in_base() * 3600));
}
std::string written(DollarsPerJoule rate) {
  return fmt::format("{} $/kWh", three_digits(rate.in_base() * 3.6e6));
}

std::string written_count(double count) {
  const std::string digits = fmt::format("{:.0f}", count);
  const std::size_t first = digits.front() == '-' ? 1 : 0;
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string written_share(double share) { return fmt::format("{:.1f} %", share * 100); }

}  // namespace celere
