#include "base/written_units.hpp"
#include "report/json.hpp"
#include "report/plan_report.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;
using plan::Outcome;
using plan::Plan;

constexpr double seconds_a_day = 86400;

Json layout_json(const layout::Layout& l) {
  return {{"tp", l.tp},
          {"cp", l.cp},
          {"pp", l.pp},
          {"vpp", l.vpp},
          {"dp", l.dp},
          {"ep", l.ep},
          {"etp", l.etp},
          {"micro_batch", l.micro_batch},
          {"zero_stage", l.zero_stage},
          {"shard", l.shard},
          {"schedule", layout::name_of(l.schedule)},
          {"partition", layout::name_of(l.partition)},
          {"cp_method", layout::name_of(l.cp_method)},
          {"recompute", layout::name_of(l.recompute)},
          {"recompute_layers", l.recompute_layers},
          {"order", layout::name_of(l.order)},
          {"sequence_parallel", l.sequence_parallel},
          {"offload_optimizer", l.offload_optimizer},
          {"offload_activations", l.offload_activations},
          {"text", layout::written(l)}};
}

Json outcome_json(const Plan& plan, const Outcome& one) {
  Json parts, memory;
  for (int i = 0; i < cost::step_part_count; ++i) {
    const auto part = static_cast<cost::StepPart>(i);
    parts[std::string(cost::name_of(part)) + "_s"] = one.step[part].in_base();
  }
  for (int i = 0; i < cost::bucket_count; ++i) {
    const auto bucket = static_cast<cost::Bucket>(i);
    std::string key = cost::name_of(bucket);
    std::replace(key.begin(), key.end(), ' ', '_');
    memory[key + "_bytes"] = one.step.memory[bucket].in_base();
  }
  const cost::StepModel& model = *plan.model;
  const double tokens =
      static_cast<double>(one.global_batch) * static_cast<double>(plan.run.sequence);
  const double days = one.wall.in_base() / seconds_a_day;
  return {{"layout", layout_json(one.layout)},
          {"ranks", one.layout.ranks()},
          {"spares", one.spares},
          {"global_batch_sequences", one.global_batch},
          {"step_time_s", one.step.time.in_base()},
          {"step_time_low_s", one.step.time.in_base() * plan.step_spread.low},
          {"step_time_high_s", one.step.time.in_base() * plan.step_spread.high},
          {"step_parts", parts},
          {"memory_max_bytes", one.step.memory_max.in_base()},
          {"memory_heaviest_stage", one.step.heaviest_stage},
          {"memory_parts", memory},
          {"mfu", model.mfu(one.layout, one.global_batch, one.step.time)},
          {"hfu", model.hfu(one.layout, one.global_batch, one.step.time)},
          {"tokens_per_s", tokens / one.step.time.in_base()},
          {"tokens", one.tokens.in_base()},
          {"steps", one.steps},
          {"days", days},
          {"days_low", days * plan.wall_spread.low},
          {"days_high", days * plan.wall_spread.high},
          {"dollars", or_null(one.dollars)},
          {"energy_mwh", or_null(one.energy, joules_a_mwh)},
          {"goodput", one.goodput},
          {"checkpoint_every_s", one.checkpoint_every.in_base()}};
}

Json pruned_json(const plan::Pruned& pruned) {
  Json json = {{"group", pruned.group.empty() ? Json(nullptr) : Json(pruned.group)},
               {"reason", pruned.reason},
               {"count", pruned.count},
               {"counted", pruned.unit}};
  json["example"] = pruned.example.empty() ? Json(nullptr) : Json(pruned.example);
  json["bound"] = pruned.bound > 0 ? Json(pruned.bound) : Json(nullptr);
  json["need_bytes"] = pruned.need > Bytes{} ? Json(pruned.need.in_base()) : Json(nullptr);
  return json;
}

}  // namespace

std::string plan_json(const Plan& plan) {
  const plan::Answer& answer = plan.answer;
  const cost::Setting& setting = plan.model->setting();
  Json json = {
      {"run", plan.run.name},        {"goal", spec::name_of(plan.run.goal)},
      {"model", setting.model.name}, {"cluster", setting.cluster.name},
      {"chip", setting.chip.name},   {"stack", setting.stack.name},
      {"gpus", setting.gpus},        {"memory_limit_bytes", plan.model->numbers().memory.in_base()},
      {"searched", answer.searched}};
  json["gpus_there"] = plan.gpus_there ? Json(written(*plan.gpus_there)) : Json(nullptr);
  json["infeasible"] = nullptr;
  if (answer.infeasible) {
    json["infeasible"] = {{"limit", answer.infeasible->limit},
                          {"need", answer.infeasible->need},
                          {"have", answer.infeasible->have}};
  }
  json["best"] = Json::array();
  for (const Outcome& one : answer.best) json["best"].push_back(outcome_json(plan, one));
  json["pareto"] = Json::array();
  for (const Outcome& one : answer.pareto) json["pareto"].push_back(outcome_json(plan, one));
  json["memory_by_stage_bytes"] = Json::array();
  if (!answer.best.empty()) {
    const Outcome& best = answer.best.front();
    for (const cost::Memory& memory : plan.model->memory_by_stage(best.layout, best.global_batch)) {
      json["memory_by_stage_bytes"].push_back(memory.total().in_base());
    }
  }
  json["pruned"] = Json::array();
  for (const plan::Pruned& pruned : answer.pruned) json["pruned"].push_back(pruned_json(pruned));
  json["assumptions"] = plan.assumptions;
  return dumped(json, 2) + "\n";
}

}  // namespace celere::report
