#include <fmt/format.h>

#include <algorithm>

#include "base/written_units.hpp"
#include "report/life_json.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;

std::string text_of(double number) { return fmt::format("{:.4g}", number); }
template <int T, int D, int W, int K, int M, int E>
std::string text_of(Quantity<T, D, W, K, M, E> amount) {
  return written(amount);
}

class Sources {
 public:
  void add(const life::Knob& knob) {
    list_.push_back({{"name", knob.name},
                     {"value", knob.is},
                     {"low", knob.low},
                     {"high", knob.high},
                     {"grade", knob.grade},
                     {"from", knob.source}});
  }
  template <typename T>
  void add(const char* name, const spec::Fact<T>& fact) {
    if (fact.source.empty() || has(name)) return;
    const auto value = [&](const T& of) {
      return fact.known() ? Json(text_of(of)) : Json(nullptr);
    };
    Json one = {{"name", name}, {"value", fact.known() ? value(*fact.value) : Json(nullptr)}};
    const bool wide = fact.known() && (fact.low != *fact.value || fact.high != *fact.value);
    one["low"] = wide ? value(fact.low) : Json(nullptr);
    one["high"] = wide ? value(fact.high) : Json(nullptr);
    one["grade"] = spec::name_of(fact.grade);
    one["from"] = fact.source;
    list_.push_back(std::move(one));
  }
  Json taken() { return std::move(list_); }

 private:
  bool has(const char* name) const {
    return std::any_of(list_.begin(), list_.end(),
                       [&](const Json& one) { return one["name"] == name; });
  }
  Json list_ = Json::array();
};

}  // namespace

Json sources_json(const plan::Plan& plan, const life::Built& built) {
  const cost::Setting& setting = plan.model->setting();
  const spec::Cluster& cluster = setting.cluster;
  const spec::FailureFacts& failures = cluster.failures;
  const bool experts = setting.model.experts.has_value();
  Sources sources;
  for (const life::Knob& knob : built.knobs) sources.add(knob);
  sources.add("measured over predicted step time, low end", setting.stack.spread.low(experts));
  sources.add("measured over predicted step time, high end", setting.stack.spread.high(experts));
  if (plan.run.critical_batch) sources.add("critical batch", *plan.run.critical_batch);
  sources.add("failures of a node", failures.per_node);
  sources.add("failures of young nodes, factor", failures.early_factor);
  sources.add("nodes are young for", failures.early_time);
  sources.add("nodes that come broken", failures.bad_at_delivery);
  sources.add("detection", failures.detect);
  sources.add("replacing a node", failures.replace);
  sources.add("restart", failures.restart);
  sources.add("storage, written", cluster.storage.write);
  sources.add("storage, read", cluster.storage.read);
  sources.add("part of a checkpoint that blocks", cluster.storage.blocking);
  sources.add("power of a GPU, all included", cluster.power_per_gpu);
  if (cluster.rent) sources.add("rent of a GPU", cluster.rent->per_gpu);
  if (cluster.build) {
    sources.add("capital of a GPU", cluster.build->capital_per_gpu);
    sources.add("life of capital", cluster.build->life);
    sources.add("price of energy", cluster.build->energy);
  }
  sources.add("memory of a GPU", setting.chip.memory);
  return sources.taken();
}

}  // namespace celere::report
