#include "report/recovery_lines.hpp"

#include <fmt/format.h>

#include "base/processes.hpp"
#include "base/written_units.hpp"

namespace celere::report {
namespace {

class Fields {
 public:
  explicit Fields(const wire::Event& event) : event_(event) {}

  std::string text(const char* key) const {
    const auto* value = find(key);
    const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
    return text != nullptr ? *text : "";
  }
  std::optional<std::int64_t> whole(const char* key) const {
    const auto* value = find(key);
    const auto* number = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
    return number != nullptr ? std::optional(*number) : std::nullopt;
  }
  std::int64_t number(const char* key) const { return whole(key).value_or(0); }
  // A number that is whole is written as such.
  double amount(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return 0;
    if (const auto* number = std::get_if<double>(value)) return *number;
    return static_cast<double>(number(key));
  }

 private:
  const wire::EventValue* find(const char* key) const {
    for (const auto& [name, value] : event_.fields) {
      if (name == key) return &value;
    }
    return nullptr;
  }
  const wire::Event& event_;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string ended(const Fields& it) {
  Ending how;
  if (const auto code = it.whole("code")) how.code = static_cast<int>(*code);
  if (const auto signal = it.whole("signal")) how.signal = static_cast<int>(*signal);
  std::string line = fmt::format("rank {} on node {} ended behind step {}: {}", it.number("rank"),
                                 it.number("node"), it.number("step"), written(how));
  if (const std::string errors = it.text("errors"); !errors.empty())
    line += ": " + first_line(errors);
  return line + "\n";
}

std::string decision(const Fields& it) {
  const std::string action = it.text("action"), why = it.text("why");
  if (action == "start") {
    if (it.text("how") == "first") return {};
    std::string line = fmt::format("-> start {}, nodes {}", it.text("how"), it.text("on_nodes"));
    if (const auto from = it.whole("from_step")) line += fmt::format(", from step {}", *from);
    if (const std::string skipped = it.text("skipped_steps"); !skipped.empty()) {
      line += ", without the batch of step " + skipped;
    }
    return fmt::format("{}: {}\n", line, why);
  }
  if (action == "regroup") {
    return fmt::format("-> go on with {} replicas: {}\n", it.number("replicas"), why);
  }
  if (action == "drain") return fmt::format("-> drain node {}: {}\n", it.number("node"), why);
  if (action == "note" && it.number("generation") == 0) return {};
  if (action == "note") return fmt::format("-> {}\n", why);
  return {};
}

std::string recovered(const Fields& it) {
  std::string line = fmt::format("trains again, step {}, {} after the failure", it.number("step"),
                                 written(Seconds::of(it.amount("time_s"))));
  const std::int64_t again = it.number("steps_again");
  if (again > 0) line += fmt::format("; {} step{} again", again, again == 1 ? "" : "s");
  return line + "\n";
}

}  // namespace

std::string recovery_line(const wire::Event& event) {
  const Fields it(event);
  if (event.event == "worker_ended") return ended(it);
  if (event.event == "decision") return decision(it);
  if (event.event == "recovered") return recovered(it);
  if (event.event == "fault") return fmt::format("fault on purpose: {}\n", it.text("what"));
  if (event.event == "node_gone") {
    return fmt::format("node {} is gone: {}\n", it.number("node"), it.text("why"));
  }
  if (event.event == "preemption") {
    return fmt::format("node {} will be gone in {}\n", it.number("node"),
                       written(Seconds::of(it.amount("notice_s"))));
  }
  if (event.event == "hang") {
    const std::string where = it.text("collective");
    return fmt::format("behind step {} nothing moved for {}; did not arrive: rank {}{}\n",
                       it.number("behind_step"), written(Seconds::of(it.amount("waited_s"))),
                       it.text("absent_ranks"), where.empty() ? "" : ", at " + where);
  }
  if (event.event == "straggler") {
    return fmt::format("rank {} on node {} computes {:.2f} times as long as the others, step {}\n",
                       it.number("rank"), it.number("node"), it.amount("factor"),
                       it.number("step"));
  }
  if (event.event == "mismatch") {
    return fmt::format("step {}: numbers that should be equal differ ({}), rank {}: {}\n",
                       it.number("step"), it.text("check"), it.number("rank"), it.text("detail"));
  }
  if (event.event == "recovery_forgotten") {
    return fmt::format("what was decided before is forgotten: {}\n", it.text("why"));
  }
  if (event.event == "batch_skipped") {
    return fmt::format("the batch of step {} is passed over\n", it.number("step"));
  }
  if (event.event == "loss_spike") {
    return fmt::format("the loss leaps at step {}: {:.3f}\n", it.number("step"), it.amount("loss"));
  }
  return {};
}

}  // namespace celere::report
