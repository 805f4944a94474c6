#include "launch/worker_message.hpp"

#include <nlohmann/json.hpp>

namespace celere::launch {

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
    std::erase_if(event.fields, [](const auto& field) { return field.first == "kind"; });
    return WorkerMessage{line, std::move(event)};
  }
  return Error{ErrorCode::corrupt, "the worker said what is no message: " + line, {}};
}

}  // namespace celere::launch
