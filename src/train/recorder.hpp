// What a training leaves behind while it runs: metrics.jsonl, events.jsonl, TensorBoard's files,
// and a line of JSON for each on the worker's output, which celere shows.
//
// Lines have a key "kind": "event" with what stands in events.jsonl, or "step" with what stands in
// metrics.jsonl.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/events.hpp"
#include "wire/metrics.hpp"
#include "wire/run_directory.hpp"
#include "wire/tensorboard.hpp"

namespace celere::train {

class Recorder {
 public:
  using Say = std::function<void(const std::string& line)>;

  // Continues what the directory holds. The clock must outlive it. Errors: io.
  static Result<Recorder> open(Files& files, const Clock& clock,
                               const wire::RunDirectory& directory, Say say);

  // Of a rank that is supervised: events are only said, and the supervisor writes them down.
  // `first`: the rank that speaks for all, and writes metrics.jsonl and TensorBoard's files.
  static Result<Recorder> supervised(Files& files, const Clock& clock,
                                     const wire::RunDirectory& directory, bool first, Say say);

  // Writes and says nothing: of the ranks but one, where nobody supervises.
  static Recorder silent(const Clock& clock) { return Recorder(clock); }

  // A disk that takes no more does not end a training: what could not be written is said once.
  void step(const wire::StepMetrics& metrics);
  // `durable`: on the disk when it returns.
  void event(const std::string& name, const std::vector<wire::EventField>& fields,
             bool durable = false);
  // Of a rank for itself, where it is supervised.
  void own_event(const std::string& name, const std::vector<wire::EventField>& fields);

 private:
  struct Metrics {
    wire::MetricsLog log;
    wire::TensorBoard board;
  };
  static Result<Metrics> open_metrics(Files& files, const Clock& clock,
                                      const wire::RunDirectory& directory);
  explicit Recorder(const Clock& clock) : clock_(&clock) {}
  void complain(const Status& status);

  const Clock* clock_;
  std::optional<wire::EventLog> events_;
  std::optional<Metrics> metrics_;
  Say say_;  // nothing: silent
  bool first_ = true;
  bool complained_ = false;
};

}  // namespace celere::train
