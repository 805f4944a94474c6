#include "report/recovery_lines.hpp"

#include <fmt/format.h>

#include "base/processes.hpp"
#include "base/written_units.hpp"

namespace celere::report {
namespace {

// What the event has of that name, or 0.
std::int64_t number(const wire::Event& event, const char* key) {
  return number_of(event, key).value_or(0);
}
double amount(const wire::Event& event, const char* key) {
  return amount_of(event, key).value_or(0);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string ended(const wire::Event& event) {
  Ending how;
  if (const auto code = number_of(event, "code")) how.code = static_cast<int>(*code);
  if (const auto signal = number_of(event, "signal")) how.signal = static_cast<int>(*signal);
  std::string line =
      fmt::format("rank {} on node {} ended behind step {}: {}", number(event, "rank"),
                  number(event, "node"), number(event, "step"), written(how));
  if (const std::string errors = text_of(event, "errors"); !errors.empty())
    line += ": " + first_line(errors);
  return line + "\n";
}

std::string decision(const wire::Event& event) {
  const std::string action = text_of(event, "action"), why = text_of(event, "why");
  if (action == "start") {
    if (text_of(event, "how") == "first") return {};
    std::string line =
        fmt::format("-> start {}, nodes {}", text_of(event, "how"), text_of(event, "on_nodes"));
    if (const auto from = number_of(event, "from_step"))
      line += fmt::format(", from step {}", *from);
    if (const std::string skipped = text_of(event, "skipped_steps"); !skipped.empty()) {
      line += ", without the batch of step " + skipped;
    }
    return fmt::format("{}: {}\n", line, why);
  }
  if (action == "regroup") {
    return fmt::format("-> go on with {} replicas: {}\n", number(event, "replicas"), why);
  }
  if (action == "drain") return fmt::format("-> drain node {}: {}\n", number(event, "node"), why);
  if (action == "note" && number(event, "generation") == 0) return {};
  if (action == "note") return fmt::format("-> {}\n", why);
  return {};
}

std::string recovered(const wire::Event& event) {
  std::string line =
      fmt::format("trains again, step {}, {} after the failure", number(event, "step"),
                  written(Seconds::of(amount(event, "time_s"))));
  const std::int64_t again = number(event, "steps_again");
  if (again > 0) line += fmt::format("; {} step{} again", again, again == 1 ? "" : "s");
  return line + "\n";
}

}  // namespace

std::string recovery_line(const wire::Event& event) {
  if (event.event == "worker_ended") return ended(event);
  if (event.event == "decision") return decision(event);
  if (event.event == "recovered") return recovered(event);
  if (event.event == "fault") return fmt::format("fault on purpose: {}\n", text_of(event, "what"));
  if (event.event == "node_gone") {
    return fmt::format("node {} is gone: {}\n", number(event, "node"), text_of(event, "why"));
  }
  if (event.event == "preemption") {
    return fmt::format("node {} will be gone in {}\n", number(event, "node"),
                       written(Seconds::of(amount(event, "notice_s"))));
  }
  if (event.event == "hang") {
    const std::string where = text_of(event, "collective");
    return fmt::format("behind step {} nothing moved for {}; did not arrive: rank {}{}\n",
                       number(event, "behind_step"),
                       written(Seconds::of(amount(event, "waited_s"))),
                       text_of(event, "absent_ranks"), where.empty() ? "" : ", at " + where);
  }
  if (event.event == "straggler") {
    return fmt::format("rank {} on node {} computes {:.2f} times as long as the others, step {}\n",
                       number(event, "rank"), number(event, "node"), amount(event, "factor"),
                       number(event, "step"));
  }
  if (event.event == "mismatch") {
    return fmt::format("step {}: numbers that should be equal differ ({}), rank {}: {}\n",
                       number(event, "step"), text_of(event, "check"), number(event, "rank"),
                       text_of(event, "detail"));
  }
  if (event.event == "recovery_forgotten") {
    return fmt::format("what was decided before is forgotten: {}\n", text_of(event, "why"));
  }
  if (event.event == "batch_skipped") {
    return fmt::format("the batch of step {} is passed over\n", number(event, "step"));
  }
  if (event.event == "loss_spike") {
    return fmt::format("the loss leaps at step {}: {:.3f}\n", number(event, "step"),
                       amount(event, "loss"));
  }
  return {};
}

}  // namespace celere::report
