// What happened to a real training, from its events.jsonl: which faults it was given, what was
// decided, and when its steps were done.
//
// Leaves out: all before the first start, which is time 0 here (nodes join one by one until then);
// notes, which order nothing, and replans, behind which a start says what came of them. Nodes are
// numbered anew: those of the first start are the first.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "life/scene.hpp"
#include "policy/log_lines.hpp"
#include "wire/events.hpp"

namespace celere::life {

// A fault that was done on purpose (docs/scenario.md).
struct LoggedFault {
  std::string kind = {};  // "kill_worker", ...
  Nanoseconds at = 0;
  Step step = 0;  // that was done by then
  std::optional<Node> node = {};
  int nodes = 1;  // from that one upwards
  std::optional<Seconds> lasts = {};
  std::optional<Step> lasts_steps = {};
  double factor = 1;
  Seconds notice = {};
};

// What recovery ordered, as far as a replay compares it.
struct Deed {
  std::string action = {};        // "start", "regroup", "stop", ...
  std::string how = {};           // of a start: "in place", ...; of a regroup: "lost 1", "joins"
  std::vector<Node> nodes = {};   // that begin with it (not of another layout), or that are meant
  std::optional<Step> from = {};  // of a start: the newest good checkpoint as recovery knew it
  Nanoseconds at = 0;
  int generation = 0, replicas = 0;  // that it makes, where it says so
};
std::string written(const Deed& deed);  // "start in place from step 40"

// Reads them from the decisions of one training, in their order.
class Deeds {
 public:
  // Nothing: it orders nothing that is compared. With the nodes as they are numbered there.
  std::optional<Deed> next(const wire::Event& decision, Nanoseconds at);

 private:
  std::vector<Node> present_;  // of the generation
};

struct LoggedEvent {
  Nanoseconds at = 0;
  policy::Event event;
};

struct RunLog {
  policy::Settings settings = {};
  policy::Shape shape = {};
  int nodes = 0;   // there are, with spares
  Step steps = 0;  // that were done in the end
  std::vector<LoggedFault> faults = {};
  std::vector<Deed> deeds = {};
  std::vector<LoggedEvent> told = {};  // in their order
  struct Resumed {
    Nanoseconds at = 0;
    Step step = 0;
  };
  std::vector<Resumed> resumed = {};  // from which checkpoint workers really began
  // When that step was done for the first time; nothing: it never was. (Between two steps that
  // were told of, in proportion.)
  std::optional<Nanoseconds> done_at(Step step) const;
};

// Errors: corrupt; unsupported, where the log has no start, or was begun twice (a training that was
// done and began anew), or before `told` was written.
Result<RunLog> read_run_log(const std::vector<wire::Event>& log);

}  // namespace celere::life
