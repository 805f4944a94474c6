// Faults done on purpose to a training that runs: what a scenario (spec/scenario.hpp) says, when it
// says it, with real signals, real kills and real damage to files.
//
// Each is in events.jsonl before it is done, with how many of each were done so far: a supervisor
// that takes over (after it was itself the victim) does none twice. What hits a rank or a node that
// is not there at that moment is passed over, and said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/fault_schedule.hpp"
#include "wire/events.hpp"

namespace celere::launch {

class Supervisor;

class FaultMaker {
 public:
  // `events`: of the run so far. Errors: unsupported, for a kind that is done in simulations alone.
  static Result<FaultMaker> make(spec::FaultSchedule schedule, const Clock& clock,
                                 const std::vector<wire::Event>& events);

  // Does what is due; `step`: done so far.
  void work(Supervisor& supervisor, std::int64_t step);

 private:
  FaultMaker(spec::FaultSchedule schedule, Instant begin)
      : schedule_(std::move(schedule)), begin_(begin) {}
  // Whether there was somebody to hit.
  bool hit(Supervisor& supervisor, const spec::DueFault& due);
  bool hit_rank(Supervisor& supervisor, const spec::DueFault& due);
  bool hit_node(Supervisor& supervisor, const spec::DueFault& due);
  bool hit_shard(Supervisor& supervisor, const spec::DueFault& due);
  void end_those_due(Supervisor& supervisor);
  void tell(Supervisor& supervisor, const spec::DueFault& due, const char* event);

  spec::FaultSchedule schedule_;
  Instant begin_;  // wall
  struct Hanging {
    int generation = 0, rank = 0;
    Instant until{};
  };
  std::vector<Hanging> hanging_;
  struct Leaving {
    int node = 0;
    Instant at{};
    Seconds away;
  };
  std::vector<Leaving> leaving_;
  std::int64_t step_ = 0;  // done so far
};

}  // namespace celere::launch
