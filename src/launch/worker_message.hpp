// What a training worker says on its standard output: a line of JSON for each step and event.
#pragma once

#include <string>
#include <variant>

#include "base/result.hpp"
#include "wire/events.hpp"
#include "wire/metrics.hpp"

namespace celere::launch {

struct WorkerMessage {
  std::string line;  // as it came
  std::variant<wire::StepMetrics, wire::Event> what;
};

// {"kind":"step",...} or {"kind":"event",...}. Errors: corrupt.
Result<WorkerMessage> parse_worker_message(const std::string& line);

}  // namespace celere::launch
