// What recovery was told and what it decided, as events of a run's log and back: who reads them can
// make every decision again (life/replay.hpp).
//
//   recovery_begins  under which settings and full layout, and the memory from which it goes on
//   told             one event with its time, in the order in which recovery was told
//   decision         one action that followed
//
// Times are wall time in nanoseconds, as recovery was given them; numbers come back as they were.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "policy/recovery.hpp"
#include "wire/events.hpp"

namespace celere::policy {

// ---- told ----

struct Told {
  Instant at;
  std::optional<Event> event = {};  // nothing: it was told to begin
};

std::vector<wire::EventField> told_fields(const Told& told);
// Errors: corrupt, for what told_fields could not have written.
Result<Told> read_told(const wire::Event& line);

// ---- recovery_begins ----

struct Begins {
  Settings settings;
  Shape shape;  // the full one
  // A hash of Recovery::state(), as it was read; nothing: it remembers nothing.
  std::optional<std::int64_t> memory = {};
};

std::vector<wire::EventField> begins_fields(const Begins& begins);
// Errors: corrupt.
Result<Begins> read_begins(const wire::Event& line);

// ---- decision ----

// "start", "regroup", "stop", ...
const char* name_of(const Action& action);
// All that it says; `recovery` as it is behind the decision.
std::vector<wire::EventField> decision_fields(const Action& action, const Recovery& recovery);

}  // namespace celere::policy
