// Reads what a training worker says until it ends, and passes a wish to stop on to it.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "launch/worker_process.hpp"
#include "wire/events.hpp"
#include "wire/metrics.hpp"

namespace celere::launch {

struct WorkerMessage {
  std::string line;  // as it came
  std::variant<wire::StepMetrics, wire::Event> what;
};

// {"kind":"step",...} or {"kind":"event",...}. Errors: corrupt.
Result<WorkerMessage> parse_worker_message(const std::string& line);

// Calls `hear` for each message. When `interrupts` becomes one the worker is asked to finish its
// step, save and end; when it becomes two it is killed. Errors: corrupt, where the worker says what
// is no message.
Result<Ending> watch(WorkerProcess& worker, Clock& clock, const std::atomic<int>& interrupts,
                     const std::function<void(const WorkerMessage&)>& hear);

}  // namespace celere::launch
