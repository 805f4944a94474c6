#include "study/published_lives.hpp"

#include <fmt/format.h>

#include <array>
#include <set>

#include "spec/catalog.hpp"
#include "spec/toml_reader.hpp"

namespace celere::study {
namespace {

constexpr double day = 86400;
constexpr int gpus_of_node = 8;
constexpr int measures = 3;

struct TimeKey {
  const char* key;
  Seconds RecoveryTimes::* time;
};
constexpr std::array time_keys = {TimeKey{"detect", &RecoveryTimes::detect},
                                  TimeKey{"localise", &RecoveryTimes::localise},
                                  TimeKey{"replace", &RecoveryTimes::replace},
                                  TimeKey{"init", &RecoveryTimes::init},
                                  TimeKey{"load", &RecoveryTimes::load},
                                  TimeKey{"blocking", &RecoveryTimes::blocking},
                                  TimeKey{"background", &RecoveryTimes::background},
                                  TimeKey{"regroup", &RecoveryTimes::regroup}};

RecoveryTimes read_times(const spec::TomlTable& table, const RecoveryTimes& otherwise) {
  RecoveryTimes times = otherwise;
  for (const auto& [key, time] : time_keys) {
    if (const auto found = table.quantity_if<Seconds>(key)) times.*time = *found;
  }
  return times;
}

RecoveryTimes read_all_times(const spec::TomlTable& table) {
  for (const auto& [key, time] : time_keys) {
    if (!table.has(key)) table.mistake(key, "is missing: it holds for all cases");
  }
  return read_times(table, {});
}

// What must be above 0, as something is divided by it.
Seconds positive(const spec::TomlTable& table, const char* key) {
  const Seconds time = table.quantity<Seconds>(key);
  if (time > Seconds{}) return time;
  table.mistake(key, "must be above 0");
  return Seconds::of(1);
}

PublishedFailures read_failures(const spec::TomlTable& table, const PublishedLife& life) {
  PublishedFailures out;
  out.name = table.text("name");
  constexpr std::array effects = {life::Effect::lost, life::Effect::crash, life::Effect::hang};
  const int effect = table.choice("effect", {"lost", "crash", "hang"}, -1);
  out.effect = effects[static_cast<std::size_t>(effect)];
  out.planned = table.boolean_or("planned", false);
  const int ways = (table.has("count") ? 1 : 0) + (table.has("per_1000_node_days") ? 1 : 0) +
                   (table.has("each") ? 1 : 0);
  if (ways != 1) {
    table.mistake("name", "needs one of count, per_1000_node_days and each");
  } else if (table.has("count")) {
    const auto count = static_cast<double>(table.integer("count", 1));
    const auto nodes = static_cast<double>(table.integer_or("of_nodes", life.nodes, 1));
    const Seconds time = table.has("of_time") ? positive(table, "of_time") : life.lasts;
    out.rate = PerSecond::of(count / (nodes * time.in_base()));
  } else if (table.has("each")) {
    out.rate = PerSecond::of(1 / (positive(table, "each").in_base() * life.nodes));
  } else {
    out.rate = PerSecond::of(table.number("per_1000_node_days", 1e-6, 1e6) / 1000 / day);
  }
  return out;
}

std::vector<life::Part> read_parts(const spec::TomlTable& table, const char* key) {
  std::vector<life::Part> out;
  for (const std::string& name : table.texts(key)) {
    int found = -1;
    for (int part = 0; part < life::part_count; ++part) {
      if (name == life::name_of(static_cast<life::Part>(part))) found = part;
    }
    if (found < 0) {
      table.mistake(key, fmt::format("\"{}\" is no part of the account", name));
    } else {
      out.push_back(static_cast<life::Part>(found));
    }
  }
  if (out.empty()) table.mistake(key, "must say which parts of the account are effective");
  return out;
}

Expectation read_expectation(const spec::TomlTable& table) {
  Expectation out;
  std::vector<std::string> names;
  for (int i = 0; i < measures; ++i) names.emplace_back(name_of(static_cast<Measure>(i)));
  out.what = static_cast<Measure>(table.choice("what", names, -1));
  out.published = table.text("published");
  if (table.has("least") != table.has("most")) {
    table.mistake("what", "has one of least and most without the other");
  }
  if (table.has("least") && table.has("most")) {
    out.least = table.number("least", 0, 1e9);
    out.most = table.number("most", 0, 1e9);
    if (*out.most < *out.least) table.mistake("most", "is below least");
    out.why = table.text("why");
  }
  out.red = table.text_or("red", "");
  return out;
}

PublishedLife read_case(const spec::TomlTable& table, const RecoveryTimes& times) {
  PublishedLife out;
  out.name = table.text("name");
  out.line = table.line_of("name");
  out.source = table.text("source");
  out.notes = table.text_or("notes", "");
  out.gpus = table.integer("gpus", gpus_of_node, 10'000'000);
  if (out.gpus % gpus_of_node != 0) {
    table.mistake("gpus", fmt::format("is no multiple of {}, a node's", gpus_of_node));
  }
  out.nodes = static_cast<int>(out.gpus / gpus_of_node);
  out.replicas = static_cast<int>(table.integer_or("replicas", 1, 1, out.nodes));
  if (out.nodes % out.replicas != 0) {
    table.mistake("replicas", fmt::format("does not divide {} nodes", out.nodes));
  }
  if (table.has("spares")) out.spares = static_cast<int>(table.integer("spares", 0, 1'000'000));
  out.lasts = positive(table, "lasts");
  if (table.has("interval")) out.interval = positive(table, "interval");
  const auto own = table.table_if("times");
  out.own_times = own.has_value();
  out.times = own ? read_times(*own, times) : times;
  for (const spec::TomlTable& one : table.tables("failures")) {
    out.failures.push_back(read_failures(one, out));
  }
  if (out.failures.empty()) table.mistake("failures", "must say what fails");
  out.effective = read_parts(table, "effective");
  for (const spec::TomlTable& one : table.tables("expect")) {
    out.expected.push_back(read_expectation(one));
  }
  if (out.expected.empty()) table.mistake("expect", "must say what was published");
  return out;
}

}  // namespace

const char* name_of(Measure measure) {
  constexpr std::array<const char*, measures> names = {"effective share", "interruptions",
                                                       "hours between failures"};
  return names[static_cast<std::size_t>(measure)];
}

PerSecond PublishedLife::rate() const {
  PerSecond sum{};
  for (const PublishedFailures& one : failures) sum += one.rate;
  return static_cast<double>(nodes) * sum;
}

Result<PublishedLives> parse_published_lives(std::string_view toml) {
  ASSIGN_OR_RETURN(const std::unique_ptr<spec::TomlDocument> document,
                   spec::TomlDocument::parse(toml, "published/lives.toml"));
  const spec::TomlTable root = document->root();
  PublishedLives out;
  out.times = read_all_times(root.table("times"));
  const spec::TomlTable assumed = root.table("assumed");
  out.assumed.step = positive(assumed, "step");
  out.assumed.spare_share = assumed.number("spare_share", 0, 1);
  out.assumed.spares_least = static_cast<int>(assumed.integer("spares_least", 0, 1000));
  out.assumed.repair = assumed.quantity<Seconds>("repair");
  std::set<std::string> names;
  for (const spec::TomlTable& table : root.tables("case")) {
    out.cases.push_back(read_case(table, out.times));
    if (!names.insert(out.cases.back().name).second) {
      table.mistake("name", "stands at an earlier case too");
    }
  }
  if (out.cases.empty()) root.mistake("case", "is missing: there is none");
  RETURN_IF_ERROR(document->finish());
  return out;
}

std::string_view embedded_published_lives() { return spec::embedded_text("published/lives.toml"); }

}  // namespace celere::study
