#include "launch/watch.hpp"

#include <csignal>
#include <nlohmann/json.hpp>

namespace celere::launch {
namespace {

const Seconds look_every = Seconds::of(0.05);

}  // namespace

Result<WorkerMessage> parse_worker_message(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  const bool whole = json.is_object() && json.contains("kind") && json["kind"].is_string();
  const std::string kind = whole ? json["kind"].get<std::string>() : "";
  if (kind == "step") {
    ASSIGN_OR_RETURN(wire::StepMetrics metrics, wire::parse_metrics(line));
    return WorkerMessage{line, std::move(metrics)};
  }
  if (kind == "event") {
    ASSIGN_OR_RETURN(wire::Event event, wire::parse_event(line));
    return WorkerMessage{line, std::move(event)};
  }
  return Error{ErrorCode::corrupt, "the worker said what is no message: " + line, {}};
}

Result<Ending> watch(WorkerProcess& worker, Clock& clock, const std::atomic<int>& interrupts,
                     const std::function<void(const WorkerMessage&)>& hear) {
  int passed_on = 0;
  for (;;) {
    const std::optional<Ending> ending = worker.ending();
    for (const std::string& line : worker.lines()) {
      ASSIGN_OR_RETURN(const WorkerMessage message, parse_worker_message(line));
      hear(message);
    }
    if (ending) return *ending;
    if (interrupts > passed_on) {
      ++passed_on;
      worker.send(passed_on == 1 ? SIGTERM : SIGKILL);
    }
    clock.sleep(look_every);
  }
}

}  // namespace celere::launch
