#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/written_units.hpp"
#include "plan/found.hpp"
#include "report/plan_report.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

using plan::Outcome;
using plan::Plan;

constexpr int width = 98;

std::string title(const char* text) { return fmt::format("\n{}\n", text); }

std::string head(const Plan& plan) {
  const cost::Setting& s = plan.model->setting();
  const spec::ParameterCount count = spec::count_parameters(s.model);
  const auto parameters = [](std::int64_t n) {
    return n >= 1'000'000'000'000 ? fmt::format("{:.2f} T", static_cast<double>(n) / 1e12)
                                  : fmt::format("{:.1f} B", static_cast<double>(n) / 1e9);
  };
  std::string text = plan.run.name + "\n";
  text += fmt::format("  {}: {} parameters", s.model.title, parameters(count.total));
  if (count.active != count.total) text += fmt::format(", {} active", parameters(count.active));
  text += fmt::format("; {} (at a small batch), sequences of {}, {}, {}\n", written(plan.tokens),
                      written_count(static_cast<double>(s.sequence)), spec::name_of(s.precision),
                      spec::name_of(s.optimizer));
  text +=
      fmt::format("  {} ({}):\n  at most {} x {}; software: {}\n", s.cluster.title, s.cluster.name,
                  written_count(static_cast<double>(s.gpus)), s.chip.title, s.stack.name);
  return text;
}

std::string range(const std::string& value, const std::string& low, const std::string& high) {
  return fmt::format("{:<14} 80 %: {} to {}", value, low, high);
}

std::string result(const Plan& plan, const Outcome& best) {
  const Spread wall = plan.wall_spread;
  std::string text;
  const auto line = [&text](const char* name, const std::string& value) {
    text += fmt::format("  {:<12}{}\n", name, value);
  };
  line("time",
       range(written(best.wall), written(best.wall * wall.low), written(best.wall * wall.high)));
  if (plan.gpus_there) {
    const double days = best.wall / 1_days;
    line("", fmt::format("{} GPUs from {}: done by {}",
                         written_count(static_cast<double>(best.layout.ranks() + best.spares)),
                         written(*plan.gpus_there), written(later(*plan.gpus_there, days))));
  }
  if (best.dollars) {
    line("price", range(written(*best.dollars), written(*best.dollars * wall.low),
                        written(*best.dollars * wall.high)));
  } else {
    line("price", "unknown");
  }
  if (best.energy) {
    line("energy",
         fmt::format("{} ({})", written(*best.energy), written(*best.energy / best.wall)));
  } else {
    line("energy", "unknown");
  }
  const cost::Setting& s = plan.model->setting();
  const double tokens_a_step =
      static_cast<double>(best.global_batch) * static_cast<double>(s.sequence);
  line("speed",
       fmt::format("step {}, {}, MFU {} of the bf16 peak, HFU {}", written(best.step.time),
                   written(Tokens::of(tokens_a_step) / best.step.time),
                   written_share(plan.model->mfu(best.layout, best.global_batch, best.step.time)),
                   written_share(plan.model->hfu(best.layout, best.global_batch, best.step.time))));
  line("goodput", fmt::format("{} with a checkpoint every {}", written_share(best.goodput),
                              written(best.checkpoint_every)));
  line("batch", fmt::format("{} sequences ({}), {} steps, {} in all",
                            written_count(static_cast<double>(best.global_batch)),
                            written(Tokens::of(tokens_a_step)), written_count(best.steps),
                            written(best.tokens)));
  const std::int64_t unused = s.gpus - best.layout.ranks() - best.spares;
  line("GPUs", fmt::format("{} train, {} spares, {} unused",
                           written_count(static_cast<double>(best.layout.ranks())),
                           written_count(static_cast<double>(best.spares)),
                           written_count(static_cast<double>(unused))));
  return text;
}

std::string step_table(const Outcome& best) {
  std::string text = title(fmt::format("One step of {}", written(best.step.time)).c_str());
  for (int i = 0; i < cost::step_part_count; ++i) {
    const auto part = static_cast<cost::StepPart>(i);
    const double share = best.step[part] / best.step.time;
    if (best.step[part] == Seconds{}) continue;
    text += fmt::format("  {:<10} {:>8}  {:>6}  {}\n", cost::name_of(part),
                        written(best.step[part]), written_share(share), bar(share, 40));
  }
  return text;
}

std::string memory_table(const Plan& plan, const Outcome& best) {
  const std::vector<cost::Memory> stages =
      plan.model->memory_by_stage(best.layout, best.global_batch);
  // First, heaviest, last, each once.
  std::vector<int> shown = {0, best.step.heaviest_stage, static_cast<int>(stages.size()) - 1};
  std::sort(shown.begin(), shown.end());
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  std::vector<std::pair<std::string, Table::Align>> columns = {{"stage", Table::Align::left}};
  for (const int stage : shown) {
    columns.emplace_back(fmt::format("{} of {}{}", stage, stages.size(),
                                     stage == best.step.heaviest_stage ? " (heaviest)" : ""),
                         Table::Align::right);
  }
  Table table(columns);
  const auto row = [&](const std::string& name, const auto& bytes_of) {
    std::vector<std::string> cells = {name};
    bool any = false;
    for (const int stage : shown) {
      const Bytes bytes = bytes_of(stages[static_cast<std::size_t>(stage)]);
      any |= bytes > Bytes{};
      cells.push_back(written(bytes));
    }
    if (any) table.row(std::move(cells));
  };
  for (int i = 0; i < cost::bucket_count; ++i) {
    const auto bucket = static_cast<cost::Bucket>(i);
    row(cost::name_of(bucket), [&](const cost::Memory& memory) { return memory[bucket]; });
  }
  row("sum", [](const cost::Memory& memory) { return memory.total(); });
  row("on the host", [](const cost::Memory& memory) { return memory.host; });
  return title(
             fmt::format("Memory of a GPU, of {}", written(plan.model->numbers().memory)).c_str()) +
         table.text(2);
}

// Where `other` takes longer than `best`, in parts of the step for the same tokens; the largest
// two.
std::string loses(const Outcome& best, const Outcome& other) {
  const double scale = (other.steps / best.steps);
  std::vector<std::pair<double, std::string>> parts;
  for (int i = 0; i < cost::step_part_count; ++i) {
    const auto part = static_cast<cost::StepPart>(i);
    const double share = (scale * other.step[part] - best.step[part]) / best.step.time;
    parts.emplace_back(share, cost::name_of(part));
  }
  parts.emplace_back(best.goodput / other.goodput - 1, "failures");
  std::sort(parts.rbegin(), parts.rend());
  std::string text;
  for (std::size_t i = 0; i < 2 && parts[i].first >= 0.0005; ++i) {
    text += fmt::format("{}{} +{:.1f} %", i > 0 ? ", " : "", parts[i].second, 100 * parts[i].first);
  }
  return text;
}

std::string others_table(const Plan& plan) {
  const auto right = Table::Align::right;
  Table table({{"", right},
               {"time", right},
               {"behind", right},
               {"tp", right},
               {"cp", right},
               {"pp", right},
               {"vpp", right},
               {"dp", right},
               {"ep", right},
               {"etp", right},
               {"mb", right},
               {"batch", right},
               {"memory", right},
               {"loses in", Table::Align::left}});
  const Outcome& best = plan.answer.best.front();
  int place = 0;
  for (const Outcome& one : plan.answer.best) {
    const layout::Layout& l = one.layout;
    const auto n = [](std::int64_t count) { return fmt::format("{}", count); };
    table.row({n(++place), written(one.wall),
               fmt::format("{:.2f} %", 100 * (one.objective / best.objective - 1)), n(l.tp),
               n(l.cp), n(l.pp), n(l.vpp), n(l.dp), n(l.ep), n(l.etp), n(l.micro_batch),
               n(one.global_batch), written(one.step.memory_max), loses(best, one)});
  }
  return title("The best of each family of layouts (same degrees, micro-batch and batch)") +
         table.text(2);
}

std::string pareto_table(const Plan& plan) {
  if (plan.answer.pareto.size() < 2) return "";
  const auto right = Table::Align::right;
  Table table({{"time", right}, {"memory", right}, {"layout", Table::Align::left}});
  for (const Outcome& one : plan.answer.pareto) {
    table.row({written(one.wall), written(one.step.memory_max),
               wrapped(layout::written(one.layout), 70, 24)});
  }
  return title("Time against memory: nothing is both faster and smaller than these") +
         table.text(2);
}

std::string pruned_table(const Plan& plan) {
  const plan::Answer& answer = plan.answer;
  const auto right = Table::Align::right;
  Table bounds(
      {{"", Table::Align::left}, {"groups", right}, {"at best", right}, {"best evaluated", right}});
  for (const plan::Pruned& pruned : answer.pruned) {
    if (pruned.bound == 0) continue;
    std::string evaluated = "none";
    for (const Outcome& one : answer.best_by_tp) {
      if (fmt::format("tp = {}", one.layout.tp) == pruned.group) evaluated = written(one.wall);
    }
    const bool by_time = plan.run.goal == spec::Goal::time;
    bounds.row({pruned.group, written_count(static_cast<double>(pruned.count)),
                by_time ? written(Seconds::of(pruned.bound)) : fmt::format("{:.4g}", pruned.bound),
                evaluated});
  }
  Table reasons({{"", Table::Align::left}, {"skipped", right}});
  for (const plan::Pruned& pruned : answer.pruned) {
    if (pruned.bound != 0) continue;
    std::string reason = pruned.group.empty() ? pruned.reason : pruned.group + ": " + pruned.reason;
    if (pruned.need > Bytes{}) reason += fmt::format(" (the least needs {})", written(pruned.need));
    reasons.row({reason, written_count(static_cast<double>(pruned.count)) + " " + pruned.unit});
  }
  std::string text;
  if (!plan.answer.best.empty()) {
    text += title("Skipped because a bound proves them worse (the bound of the best of them)") +
            bounds.text(2);
  }
  return text + title("Not possible") + reasons.text(2);
}

}  // namespace

std::string layout_in_words(const layout::Layout& l) {
  std::string text = fmt::format("{} data-parallel replicas of {} GPUs", l.dp, l.ranks() / l.dp);
  if (l.zero_stage > 0) {
    text += fmt::format(", ZeRO {} over {} ranks", l.zero_stage, l.shard_ranks());
  }
  if (l.pp > 1) {
    text +=
        fmt::format("; {} pipeline stages ({}{}, {} partition)", l.pp, layout::name_of(l.schedule),
                    l.vpp > 1 ? fmt::format(", {} virtual stages each", l.vpp) : "",
                    layout::name_of(l.partition));
  }
  if (l.tp > 1) {
    text += fmt::format("; layers cut over {} GPUs{}", l.tp,
                        l.sequence_parallel ? " with sequence parallelism" : "");
  }
  if (l.cp > 1) {
    text += fmt::format("; sequences cut over {} GPUs ({})", l.cp, layout::name_of(l.cp_method));
  }
  if (l.ep * l.etp > 1) {
    text += fmt::format("; experts over {} GPUs{}", l.ep,
                        l.etp > 1 ? fmt::format(", each of them over {}", l.etp) : "");
  }
  text += fmt::format("; micro-batches of {}; recomputation {}", l.micro_batch,
                      layout::name_of(l.recompute));
  if (l.recompute == layout::Recompute::full_for_some) {
    text += fmt::format(" ({} layers of a chunk)", l.recompute_layers);
  }
  if (l.offload_optimizer) text += "; optimizer on the host";
  if (l.offload_activations) text += "; activations on the host";
  if (l.order != layout::RankOrder::tp_cp_dp_pp)
    text += "; neighbouring stages close, replicas far";
  return text;
}

std::string infeasible_text(const plan::Infeasible& infeasible) {
  return fmt::format("No layout is possible: {}\n  needed  {}\n  there   {}\n", infeasible.limit,
                     wrapped(infeasible.need, width, 10), infeasible.have);
}

std::string plan_text(const Plan& plan) {
  std::string text = head(plan);
  const plan::Answer& answer = plan.answer;
  if (answer.infeasible) text += "\n" + infeasible_text(*answer.infeasible);
  if (!answer.best.empty()) {
    const Outcome& best = answer.best.front();
    text += fmt::format("\nThe best layout for {} ({} evaluated in full)\n  {}\n  {}\n\n",
                        spec::name_of(plan.run.goal),
                        written_count(static_cast<double>(answer.searched)),
                        wrapped(layout_in_words(best.layout), width - 2, 2),
                        wrapped(layout::written(best.layout), width - 2, 2));
    text += result(plan, best) + step_table(best) + memory_table(plan, best) + others_table(plan) +
            pareto_table(plan);
  }
  text += pruned_table(plan);
  text += title("What this stands on");
  for (const std::string& assumption : plan.assumptions) text += item(assumption, width);
  return text;
}

}  // namespace celere::report
