#include "spec/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.hpp"
#include "spec/counted_steps.hpp"
#include "spec/nearest.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t ranks_max = 1 << 24;
constexpr std::int64_t count_max = std::int64_t{1} << 40;
constexpr double factor_most = 1e9;
constexpr double switch_off_most = 0.9;
constexpr Seconds interval_least = Seconds::of(1e-3);
constexpr Seconds notice_usual = Seconds::of(30);

constexpr std::array<const char*, fault_kind_count> kind_names = {
    "kill_worker",    "kill_agent", "kill_supervisor", "hang",      "slow",
    "flip_bit",       "nan",        "spike",           "disk_full", "corrupt_shard",
    "truncate_shard", "lose_node",  "preempt"};

constexpr std::array when_keys = {"at",          "at_step",       "every",
                                  "every_steps", "rate_per_node", "rate_per_rank"};

// Which kinds an amount belongs to; what stands in none of these rows belongs to all.
struct Amount {
  const char* key;
  std::vector<FaultKind> kinds;
};
std::vector<Amount> amounts() {
  using enum FaultKind;
  return {{"factor", {slow, spike}},
          {"for", {hang, slow, disk_full, lose_node, preempt}},
          {"for_steps", {slow, disk_full}},
          {"notice", {preempt}},
          {"nodes", {lose_node, preempt}}};
}

// What breaks, for the account of a simulation.
std::vector<std::string> fault_causes() {
  return {"gpu",  "hbm",     "nvlink",   "nic",   "cable",   "switch",
          "host", "storage", "software", "power", "cooling", "maintenance"};
}

std::vector<std::string> all_kinds() { return {kind_names.begin(), kind_names.end()}; }

// A word of a list, or a mistake with the nearest of them; nothing where it is wrong.
std::optional<std::size_t> word_of(const TomlTable& table, const char* key, const char* what,
                                   const std::vector<std::string>& words) {
  if (!table.is_text(key)) {
    table.mistake(
        key, fmt::format("{}; {} is one of {}", table.has(key) ? "is no text" : "is missing", what,
                         fmt::join(words, ", ")));
    return std::nullopt;
  }
  const std::string word = table.text(key);
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::string near = nearest(word, words);
  table.mistake(
      key, near.empty()
               ? fmt::format("\"{}\" is no {}; there are {}", word, what, fmt::join(words, ", "))
               : fmt::format("\"{}\" is no {}; is \"{}\" meant?", word, what, near));
  return std::nullopt;
}

std::optional<std::int64_t> integer_if(const TomlTable& table, const char* key, std::int64_t low,
                                       std::int64_t high) {
  if (!table.has(key)) return std::nullopt;
  return table.integer(key, low, high);
}

std::optional<PerSecond> rate_if(const TomlTable& table, const char* key) {
  const auto rate = table.quantity_if<PerSecond>(key);
  if (rate && !(*rate > PerSecond{})) table.mistake(key, "must be more than nothing");
  if (rate && *rate * interval_least > 1) {
    table.mistake(key, fmt::format("is more than one in {}", written(interval_least)));
  }
  return rate;
}

void read_when(Fault& fault, const TomlTable& table) {
  fault.at = table.quantity_if<Seconds>("at");
  fault.at_step = integer_if(table, "at_step", 0, steps_max);
  fault.every = table.quantity_if<Seconds>("every");
  if (fault.every && *fault.every < interval_least) {
    table.mistake("every", fmt::format("must be at least {}", written(interval_least)));
  }
  fault.every_steps = integer_if(table, "every_steps", 1, steps_max);
  fault.rate_per_node = rate_if(table, "rate_per_node");
  fault.rate_per_rank = rate_if(table, "rate_per_rank");
  std::vector<const char*> given;
  for (const char* key : when_keys) {
    if (table.has(key)) given.push_back(key);
  }
  if (given.empty()) {
    table.mistake("at", fmt::format("is missing: give one of {}", fmt::join(when_keys, ", ")));
  }
  for (std::size_t i = 1; i < given.size(); ++i) {
    table.mistake(given[i], fmt::format("stands beside {}: give one of the two", given[0]));
  }
}

// What bounds a fault that comes again, in its own measure.
void read_window(Fault& fault, const TomlTable& table) {
  fault.from = table.quantity_if<Seconds>("from").value_or(Seconds{});
  fault.until = table.quantity_if<Seconds>("until");
  fault.from_step = table.integer_or("from_step", 0, 0, steps_max);
  fault.until_step = integer_if(table, "until_step", 0, steps_max);
  const bool again = fault.every || fault.rate_per_node || fault.rate_per_rank;
  for (const char* key : {"from", "until"}) {
    if (table.has(key) && !again) {
      table.mistake(key, "belongs to every, rate_per_node and rate_per_rank");
    }
  }
  for (const char* key : {"from_step", "until_step"}) {
    if (table.has(key) && !fault.every_steps) table.mistake(key, "belongs to every_steps");
  }
  if (fault.until && *fault.until < fault.from) table.mistake("until", "is before from");
  if (fault.until_step && *fault.until_step < fault.from_step) {
    table.mistake("until_step", "is before from_step");
  }
}

void read_target(Fault& fault, const TomlTable& table) {
  const auto rank = integer_if(table, "rank", 0, ranks_max - 1);
  const auto node = integer_if(table, "node", 0, ranks_max - 1);
  if (rank) fault.rank = static_cast<int>(*rank);
  if (node) fault.node = static_cast<int>(*node);
  const FaultTarget target = target_of(fault.kind);
  const auto refuse = [&](const char* key, const char* what) {
    table.mistake(key, fmt::format("{} hits {}", name_of(fault.kind), what));
  };
  const char* what = target == FaultTarget::rank   ? "a rank: write rank = 3"
                     : target == FaultTarget::node ? "a node: write node = 1"
                                                   : "no rank and no node";
  if (rank && target != FaultTarget::rank) refuse("rank", what);
  if (node && target != FaultTarget::node) refuse("node", what);
  fault.count = integer_if(table, "count", 1, count_max);
  if (!fault.at && !fault.at_step) return;
  if (!fault.count) fault.count = 1;
  if (*fault.count == 1) return;
  if (rank || node) {
    table.mistake("count", "with at and at_step each hits another target, and one is named");
  } else if (target == FaultTarget::none) {
    table.mistake("count", fmt::format("with at and at_step each hits another target: {} has one",
                                       name_of(fault.kind)));
  }
}

void read_amounts(Fault& fault, const TomlTable& table) {
  for (const Amount& amount : amounts()) {
    if (!table.has(amount.key) || std::count(amount.kinds.begin(), amount.kinds.end(), fault.kind))
      continue;
    std::vector<std::string> names;
    for (const FaultKind kind : amount.kinds) names.emplace_back(name_of(kind));
    table.mistake(amount.key, fmt::format("does not belong to {}, but to {}", name_of(fault.kind),
                                          fmt::join(names, ", ")));
  }
  if (fault.kind == FaultKind::slow || fault.kind == FaultKind::spike) {
    fault.factor = table.number("factor", 1, factor_most);
  } else if (table.has("factor")) {
    (void)table.number("factor", 1, factor_most);
  }
  fault.lasts = table.quantity_if<Seconds>("for");
  fault.lasts_steps = integer_if(table, "for_steps", 1, steps_max);
  if (fault.lasts == Seconds{}) table.mistake("for", "must be more than nothing");
  if (fault.lasts && fault.lasts_steps) {
    table.mistake("for_steps", "stands beside for: give one of the two");
  }
  const auto notice = table.quantity_if<Seconds>("notice");
  if (fault.kind == FaultKind::preempt) fault.notice = notice.value_or(notice_usual);
  fault.nodes = static_cast<int>(table.integer_or("nodes", 1, 1, ranks_max));
  if (table.has("cause")) {
    if (const auto cause = word_of(table, "cause", "cause of a fault", fault_causes())) {
      fault.cause = fault_causes()[*cause];
    }
  }
}

Fault read_fault(const TomlTable& table, const std::string& file) {
  Fault fault;
  fault.place = fmt::format("{}:{}: fault", file, table.line_of(""));
  const auto kind = word_of(table, "kind", "kind of fault", all_kinds());
  read_when(fault, table);
  read_window(fault, table);
  if (kind) {
    fault.kind = static_cast<FaultKind>(*kind);
    read_target(fault, table);
    read_amounts(fault, table);
    return fault;
  }
  // What belongs to it is not known: nothing more is said of its other keys.
  for (const char* key : {"rank", "node", "count", "cause"}) (void)table.has(key);
  for (const Amount& amount : amounts()) (void)table.has(amount.key);
  return fault;
}

// Mistakes are noted in the document.
Scenario read_scenario(TomlDocument& document) {
  const TomlTable root = document.root();
  Scenario scenario;
  const TomlTable about = root.table("scenario");
  scenario.name = about.text("name");
  if (about.has("seed")) scenario.seed = static_cast<std::uint64_t>(about.integer("seed"));
  scenario.switch_off = about.number_or("switch_off", 0, 0, switch_off_most);
  for (const TomlTable& table : root.tables("fault")) {
    scenario.faults.push_back(read_fault(table, document.name()));
  }
  if (!root.has("fault") || (root.is_list("fault") && scenario.faults.empty())) {
    root.mistake("fault", "is missing: a scenario has at least one [[fault]]");
  }
  return scenario;
}

}  // namespace

const char* name_of(FaultKind kind) {
  const auto at = static_cast<std::size_t>(kind);
  CHECK(at < kind_names.size());
  return kind_names[at];
}

FaultTarget target_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kill_supervisor:
      return FaultTarget::none;
    case FaultKind::kill_agent:
    case FaultKind::disk_full:
    case FaultKind::lose_node:
    case FaultKind::preempt:
      return FaultTarget::node;
    case FaultKind::kill_worker:
    case FaultKind::hang:
    case FaultKind::slow:
    case FaultKind::flip_bit:
    case FaultKind::nan:
    case FaultKind::spike:
    case FaultKind::corrupt_shard:
    case FaultKind::truncate_shard:
      return FaultTarget::rank;
  }
  CHECK(false);
}

Result<Scenario> parse_scenario(std::string_view toml, std::string file) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, std::move(file)));
  Scenario scenario = read_scenario(*document);
  RETURN_IF_ERROR(document->finish());
  return scenario;
}

std::vector<std::string> scenario_keys_asked_of(std::string_view toml) {
  const auto document = TomlDocument::parse(toml, "scenario");
  if (!document.ok()) return {};
  (void)read_scenario(**document);
  return (*document)->asked();
}

}  // namespace celere::spec
