#include <fmt/format.h>

#include <algorithm>

#include "base/written_units.hpp"
#include "report/replay_report.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

constexpr int width = 98;
constexpr auto left = Table::Align::left, right = Table::Align::right;

std::string decisions(const life::DecisionReplay& replay) {
  std::string text =
      fmt::format("Recovery was told {} events, by {} supervisors one after the other\n",
                  written_count(static_cast<double>(replay.told)), replay.supervisors);
  if (!replay.parting) {
    return text + fmt::format("  all {} decisions were made again, word for word\n",
                              written_count(static_cast<double>(replay.decisions)));
  }
  const life::Parting& parting = *replay.parting;
  text +=
      fmt::format("  {} decisions were the same; then, at {},\n", replay.decisions, parting.time);
  text += "  told     " + wrapped(parting.told, width - 11, 11) + "\n";
  text += "  the log  " + wrapped(parting.logged, width - 11, 11) + "\n";
  text += "  now      " + wrapped(parting.decided, width - 11, 11) + "\n";
  return text;
}

std::string deed(const std::vector<life::Deed>& deeds, std::size_t i) {
  return i < deeds.size() ? written(deeds[i]) : "nothing more";
}

std::string course(const life::LifeReplay& replay) {
  std::string text = fmt::format("\nLived again up to step {}, struck by {} faults of the log\n",
                                 written_count(static_cast<double>(replay.until)), replay.struck);
  if (replay.parted) {
    const std::size_t i = *replay.parted;
    text += fmt::format("  {} orders were the same; then\n", i);
    text += "  the log  " + wrapped(deed(replay.real, i), width - 11, 11) + "\n";
    text += "  the life " + wrapped(deed(replay.simulated, i), width - 11, 11) + "\n";
  } else {
    text += fmt::format("  all {} orders are the same, in the same order\n", replay.real.size());
  }
  return text;
}

std::string durations(const life::LifeReplay& replay) {
  Table table(
      {{"", left}, {"step", right}, {"real", right}, {"simulated", right}, {"off by", right}});
  const auto row = [&](const std::string& name, const std::string& step, Seconds real,
                       Seconds simulated) {
    table.row({name, step, written(real), written(simulated),
               real > Seconds{} ? fmt::format("{:+.0f} %", 100 * (simulated / real - 1)) : "-"});
  };
  for (const life::Interruption& one : replay.interruptions) {
    row(one.why, written_count(static_cast<double>(one.step)), one.real, one.simulated);
  }
  row("the whole", written_count(static_cast<double>(replay.until)), replay.real_time,
      replay.simulated_time);
  return "\nHow long until the next new step, and the whole\n" + table.text(2);
}

}  // namespace

std::string replay_text(const std::string& run, const life::Replayed& replayed) {
  std::string text = run + ", replayed\n\n" + decisions(replayed.decisions) +
                     course(replayed.life) + durations(replayed.life);
  if (!replayed.life.not_simulated.empty()) {
    text += "\nNot simulated\n";
    for (const std::string& one : replayed.life.not_simulated) text += item(one, width);
  }
  return text;
}

}  // namespace celere::report
