#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/written_units.hpp"
#include "report/status.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

using Align = Table::Align;

constexpr int bar_width = 30, small_bar_width = 6;
constexpr std::size_t rows_max = 40;  // of a table; a large training shows those that stand out
constexpr std::size_t columns_max = 100, collective_max = 30, host_max = 30;

std::string time_of(double seconds) { return written(Seconds::of(seconds)); }

std::string speed(double tokens_per_s) {
  return tokens_per_s < 10'000 ? fmt::format("{:.0f} tokens/s", tokens_per_s)
                               : fmt::format("{:.1f} k tokens/s", tokens_per_s / 1000);
}

std::string counted(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", written_count(static_cast<double>(count)), what,
                     count == 1 ? "" : "s");
}

// What comes from other machines and files moves no cursor.
std::string plain(std::string text) {
  for (char& letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte == 0x7f) letter = ' ';
  }
  return text;
}

// Cut at a width, not inside a letter of several bytes.
std::string cut(std::string text, std::size_t width) {
  if (text.size() <= width) return text;
  width -= 3;
  while (width > 0 && (static_cast<unsigned char>(text[width]) & 0xc0) == 0x80) --width;
  text.resize(width);
  return text + "...";
}

std::string progress(std::int64_t step, std::int64_t total) {
  if (total <= 0) return fmt::format("step {}", written_count(static_cast<double>(step)));
  const double share = static_cast<double>(step) / static_cast<double>(total);
  return fmt::format("step {}/{}  [{}] {:3.0f} %", step, total, bar(share, bar_width),
                     std::floor(100 * std::min(1.0, share)));
}

std::string what_it_does(const wire::RunStatus& s) {
  std::string out = "  " + progress(s.step, s.total_steps);
  if (s.loss) out += fmt::format("  loss {:.3f}", *s.loss);
  if (s.tokens_per_s) out += "  " + speed(*s.tokens_per_s);
  if (s.time_left_s) out += fmt::format("  {} left", time_of(*s.time_left_s));
  out += fmt::format("\n  {}, generation {}, {}\n", plain(s.phase), s.generation, plain(s.layout));
  out += s.committed_step ? fmt::format("  saved behind step {}", *s.committed_step)
                          : std::string("  nothing is saved yet");
  if (s.committed_step && s.committed_age_s) {
    out += fmt::format(", {} ago", time_of(*s.committed_age_s));
  }
  return out + fmt::format("; {}, {} done again\n", counted(s.restarts, "restart"),
                           counted(s.lost_steps, "step"));
}

std::string and_more(std::size_t shown, std::int64_t count, const char* what) {
  const std::int64_t more = count - static_cast<std::int64_t>(shown);
  return more > 0 ? fmt::format("  and {} that {}\n", counted(more, what),
                                more == 1 ? "stands out less" : "stand out less")
                  : "";
}

// Those that stand out most, in the order of their numbers.
template <typename One, typename Before>
std::vector<One> outstanding(std::vector<One> all, const Before& before) {
  if (all.size() <= rows_max) return all;
  std::stable_sort(all.begin(), all.end(), before);
  all.resize(rows_max);
  return all;
}

std::string nodes_table(const wire::RunStatus& s) {
  if (s.nodes.empty()) return "";
  const auto nodes = outstanding(s.nodes, [](const wire::NodeStatus& a, const wire::NodeStatus& b) {
    const bool a_trains = a.state == "training", b_trains = b.state == "training";
    return a_trains != b_trains ? b_trains : a.failures > b.failures;
  });
  Table table({{"node", Align::right},
               {"host", Align::left},
               {"state", Align::left},
               {"failures", Align::right},
               {"heard of", Align::right}});
  for (const wire::NodeStatus& node : nodes) {
    table.row({std::to_string(node.node), cut(plain(node.host), host_max), node.state,
               std::to_string(node.failures),
               node.heartbeat_age_s ? time_of(*node.heartbeat_age_s) + " ago" : "never"});
  }
  return "\n" + table.text(2) + and_more(nodes.size(), s.node_count, "node");
}

std::string ranks_table(const wire::RunStatus& s) {
  if (s.ranks.empty()) return "";
  const auto ranks = outstanding(s.ranks, [](const wire::RankStatus& a, const wire::RankStatus& b) {
    return a.step != b.step ? a.step < b.step
                            : a.slow_factor.value_or(1) > b.slow_factor.value_or(1);
  });
  double longest = 0;
  for (const wire::RankStatus& rank : ranks) {
    longest = std::max(longest, rank.compute_time_s.value_or(0));
  }
  Table table({{"rank", Align::right},
               {"node", Align::right},
               {"process", Align::right},
               {"step", Align::right},
               {"phase", Align::left},
               {"for", Align::right},
               {"in a collective", Align::left},
               {"computes a step", Align::left},
               {"slower", Align::right}});
  for (const wire::RankStatus& rank : ranks) {
    const auto& in = rank.collective;
    const std::string collective = in ? fmt::format("{}: {} {} {}", time_of(in->time_s),
                                                    plain(in->group), plain(in->kind), in->in_group)
                                      : "-";
    const double share = longest > 0 ? rank.compute_time_s.value_or(0) / longest : 0;
    table.row({std::to_string(rank.rank), std::to_string(rank.node), std::to_string(rank.process),
               std::to_string(rank.step), plain(rank.phase), time_of(rank.phase_time_s),
               cut(collective, collective_max),
               rank.compute_time_s ? fmt::format("{} {}", bar(share, small_bar_width),
                                                 time_of(*rank.compute_time_s))
                                   : "-",
               rank.slow_factor ? fmt::format("{:.2f} x", *rank.slow_factor) : "-"});
  }
  return "\n" + table.text(2) + and_more(ranks.size(), s.rank_count, "rank");
}

std::string value_of(const wire::EventValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* yes = std::get_if<bool>(&value)) return *yes ? "true" : "false";
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.4g}", *number);
  return std::to_string(std::get<std::int64_t>(value));
}

// What it says in words where it does; else its fields.
std::string told(const wire::Event& event) {
  std::string words, fields;
  for (const auto& [key, value] : event.fields) {
    const bool in_words = key == "why" || key == "what" || key == "message" || key == "error";
    if (in_words && words.empty()) words = value_of(value);
    // Long texts for programs, and for those who look into the file.
    if (key == "state" || key == "given" || key == "errors" || key == "stack") continue;
    fields += fmt::format(" {}={}", key, value_of(value));
  }
  // "2024-07-22T08:15:30.250Z": the time of day is what tells events of one training apart.
  const std::string time = event.time.size() >= 19 ? event.time.substr(11, 8) : event.time;
  const std::string said = words.empty() ? fields : " " + words;
  return cut(plain(fmt::format("  {}  {:<18}{}", time, event.event, said)), columns_max);
}

std::string events_list(const std::vector<wire::Event>& events) {
  if (events.empty()) return "";
  std::string out = "\nwhat happened last (UTC)\n";
  for (const wire::Event& event : events) out += told(event) + "\n";
  return out;
}

std::string last_step(const TrainingStatus& status) {
  if (!status.step) return "  no step was done\n";
  std::string out = "  " + progress(status.step->step, status.total_steps);
  if (status.step->loss) out += fmt::format("  loss {:.3f}", *status.step->loss);
  return out + "\n";
}

std::string utc(double unix_s) {
  return written_utc(Instant{std::llround(unix_s * 1e3) * 1'000'000});
}

// A supervisor that was asked twice, or while nobody trained, stops without a save: its last status
// says what is saved, the log what was done, also before it took over.
std::string stopped(const TrainingStatus& status) {
  if (!status.status || status.status->phase != "over") return "stopped and saved";
  const std::int64_t done = std::max(status.status->step, status.step ? status.step->step : 0);
  const std::optional<std::int64_t> saved = status.status->committed_step;
  if (saved.value_or(0) >= done) return "stopped and saved";
  return saved ? fmt::format("stopped; saved is step {}", *saved)
               : std::string("stopped; nothing is saved");
}

std::string how_it_ended(const TrainingStatus& status) {
  const TrainingEnd& end = *status.end;
  const std::string why = end.why.empty() ? "" : ": " + plain(end.why);
  if (end.how == "done") return "done";
  if (end.how == "stopped") return stopped(status) + why;
  if (end.how == "gave_up") return "given up" + why;
  if (end.how == "not_finite") return "ended by numbers that are none" + why;
  return plain(end.how) + why;
}

}  // namespace

std::string status_text(const TrainingStatus& status, const std::string& run) {
  const std::string go_on = fmt::format("To go on:\n  celere train {}\n", run);
  std::string out = status.folder;
  switch (status.state) {
    case TrainingState::running: {
      const wire::RunStatus& s = *status.status;
      out += fmt::format(": training (supervisor: process {}, epoch {})\n", s.process, s.epoch);
      return out + what_it_does(s) + nodes_table(s) + ranks_table(s) + events_list(status.events);
    }
    case TrainingState::left: {
      const wire::RunStatus& s = *status.status;
      out += fmt::format(
          ": its supervisor is gone (process {}, epoch {}): it wrote last at {}.\n"
          "What it knew then:\n",
          s.process, s.epoch, utc(s.written_unix_s));
      return out + what_it_does(s) + nodes_table(s) + ranks_table(s) + events_list(status.events) +
             "\n" + go_on;
    }
    case TrainingState::ended:
      out +=
          fmt::format(": {}, at {}\n", how_it_ended(status), status.end->time) + last_step(status);
      if (status.status) {
        out += fmt::format("  {}, {} done again\n", counted(status.status->restarts, "restart"),
                           counted(status.status->lost_steps, "step"));
      }
      out += events_list(status.events);
      return status.end->how == "done" ? out : out + "\n" + go_on;
    case TrainingState::unsupervised:
      return out + ": not ended, and no supervisor writes here\n" + last_step(status) +
             events_list(status.events) + "\n" + go_on;
    case TrainingState::fresh:
      return out + ": nothing has happened yet\n";
  }
  CHECK(false);
}

}  // namespace celere::report
