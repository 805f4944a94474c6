#include "spec/failure_set.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::array<const char*, failure_effect_count> effect_names = {
    "crash", "lost", "hang", "slow", "silent", "nan", "spike", "preempt"};
constexpr double group_most = 1 << 20;

template <typename Q>
std::optional<Fact<Q>> fact_if(const TomlTable& table, const char* key) {
  if (!table.has(key)) return std::nullopt;
  return table.fact<Q>(key);
}

// A plain number, whose ends lie within these as well.
Fact<double> number(const TomlTable& table, const char* key, double least, double most) {
  Fact<double> fact = table.number_fact(key);
  if (fact.known() && (fact.low < least || fact.high > most)) {
    table.mistake(key, fmt::format("must be from {} to {}, its ends as well", least, most));
    fact.value = fact.low = fact.high = least;
  }
  return fact;
}

std::optional<Fact<double>> number_if(const TomlTable& table, const char* key, double least,
                                      double most) {
  if (!table.has(key)) return std::nullopt;
  return number(table, key, least, most);
}

// What belongs to some effects alone.
void check_effect(const TomlTable& table, const FailureCause& cause) {
  using enum FailureEffect;
  const auto only = [&](const char* key, std::initializer_list<FailureEffect> effects) {
    if (!table.has(key) || std::ranges::find(effects, cause.effect) != effects.end()) return;
    table.mistake(key, fmt::format("does not belong to \"{}\"", name_of(cause.effect)));
  };
  only("group", {lost, preempt});
  only("factor", {slow});
  only("for", {slow});
  only("notice", {preempt});
  only("repair", {lost, preempt, silent});
  for (const char* key : {"factor", "for"}) {
    if (cause.effect == slow && !table.has(key)) table.mistake(key, "is missing");
  }
  if (cause.effect == preempt && !table.has("notice")) table.mistake("notice", "is missing");
}

FailureCause read_cause(const TomlTable& table) {
  FailureCause cause;
  cause.name = table.text("name");
  const std::optional<int> effect =
      table.chosen("effect", {effect_names.begin(), effect_names.end()});
  if (effect) cause.effect = static_cast<FailureEffect>(*effect);
  cause.weight = number_if(table, "weight", 0, 1e12);
  cause.per_node = fact_if<PerSecond>(table, "per_node");
  cause.per_group = fact_if<PerSecond>(table, "per_group");
  cause.per_training = fact_if<PerSecond>(table, "per_training");
  const int given = cause.weight.has_value() + cause.per_node.has_value() +
                    cause.per_group.has_value() + cause.per_training.has_value();
  if (given != 1) {
    table.mistake("weight", "give exactly one of weight, per_node, per_group and per_training");
  }
  cause.group = number_if(table, "group", 1, group_most);
  if (cause.per_group && !cause.group) table.mistake("per_group", "needs group beside it");
  cause.weibull = number_if(table, "weibull", 0.1, 10);
  cause.span = fact_if<Seconds>(table, "span");
  if (cause.weibull.has_value() != cause.span.has_value()) {
    table.mistake("weibull", "stands with span, or neither does");
  }
  if (cause.span && cause.span->known() && !(cause.span->low > Seconds{})) {
    table.mistake("span", "must be above 0");
  }
  cause.detect = fact_if<Seconds>(table, "detect");
  cause.repair = fact_if<Seconds>(table, "repair");
  cause.factor = number_if(table, "factor", 1, 1000);
  cause.lasts = fact_if<Seconds>(table, "for");
  cause.notice = fact_if<Seconds>(table, "notice");
  if (effect) check_effect(table, cause);
  return cause;
}

FailureSlowdown read_slowdown(const TomlTable& table) {
  FailureSlowdown slowdown;
  slowdown.name = table.text("name");
  slowdown.factor = number(table, "factor", 1, 1000);
  slowdown.from = table.quantity<Seconds>("from");
  slowdown.lasts = table.quantity<Seconds>("for");
  slowdown.every = table.quantity<Seconds>("every");
  if (!(slowdown.lasts < slowdown.every)) table.mistake("for", "must be less than every");
  return slowdown;
}

}  // namespace

const char* name_of(FailureEffect effect) { return effect_names[static_cast<std::size_t>(effect)]; }

Result<FailureSet> parse_failure_set(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("failures/{}.toml", name)));
  const TomlTable root = document->root();
  FailureSet set;
  set.name = std::move(name);
  set.title = root.text("title");
  for (const TomlTable& table : root.tables("cause")) set.causes.push_back(read_cause(table));
  const auto has_weight = [](const FailureCause& cause) {
    return cause.weight && cause.weight->known() && *cause.weight->value > 0;
  };
  if (std::ranges::none_of(set.causes, has_weight)) {
    root.mistake("cause", "needs at least one with a weight above 0");
  }
  for (const TomlTable& table : root.tables("slowdown")) {
    set.slowdowns.push_back(read_slowdown(table));
  }
  set.repair = root.fact<Seconds>("repair");
  set.repair_at_delivery = root.fact<Seconds>("repair_at_delivery");
  set.idle_share = number(root, "idle_share", 0, 1);
  set.lemon_nodes = number(root, "lemon_nodes", 0, 1);
  set.lemon_failures = number(root, "lemon_failures", 0, 1);
  set.misdiagnosed = number(root, "misdiagnosed", 0, 1);
  set.misdiagnosed_again = root.fact<Seconds>("misdiagnosed_again");
  set.flaps = root.fact<PerSecond>("flaps");
  set.flap_stall = root.fact<Seconds>("flap_stall");
  set.replace_hot = root.fact<Seconds>("replace_hot");
  set.replace_warm = root.fact<Seconds>("replace_warm");
  set.replace_cold = root.fact<Seconds>("replace_cold");
  set.stop = root.fact<Seconds>("stop");
  set.warm_up = root.fact<Seconds>("warm_up");
  set.plan = root.fact<Seconds>("plan");
  set.change = root.fact<Seconds>("change");
  set.late = root.fact<Seconds>("late");
  RETURN_IF_ERROR(document->finish());
  return set;
}

}  // namespace celere::spec
