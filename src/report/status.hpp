// What a training is doing now, or how it ended: the contents of its run directory as one answer,
// and the two views of it.
//
// While a supervisor lives it rewrites status.json once a second; a status older than
// status_age_max says that it is gone. Then, and where no supervisor was, events and metrics tell
// what was last heard, and how the training ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/events.hpp"
#include "wire/metrics.hpp"
#include "wire/run_directory.hpp"
#include "wire/status.hpp"

namespace celere::report {

inline constexpr Seconds status_age_max = Seconds::of(10);

enum class TrainingState : std::uint8_t {
  running,       // its supervisor lives
  left,          // its supervisor is gone, and it had not ended
  ended,         // done, stopped or given up
  unsupervised,  // it has not ended, and no supervisor ever wrote
  fresh,         // nothing has happened yet
};
const char* name_of(TrainingState state);

struct TrainingEnd {
  std::string time;  // UTC
  std::string how;   // "done", "stopped", "not_finite", "gave_up"
  std::string why;   // may be empty
};

struct TrainingStatus {
  std::string folder;
  TrainingState state = TrainingState::fresh;
  std::optional<wire::RunStatus> status;  // the last that was written
  std::optional<TrainingEnd> end;         // of ended
  std::optional<wire::StepMetrics> step;  // the last of metrics.jsonl; not of running
  std::int64_t total_steps = 0;           // 0: not known
  std::vector<wire::Event> events;        // the last few, in the order of their times
};

// `now` is a wall time. Errors: io; corrupt, with file and line.
Result<TrainingStatus> read_status(const Files& files, const wire::RunDirectory& directory,
                                   Instant now);

// `run`: what the person gave, for advice on how to go on. Lines of at most about 100 columns.
std::string status_text(const TrainingStatus& status, const std::string& run);
std::string status_json(const TrainingStatus& status);  // one line

}  // namespace celere::report
