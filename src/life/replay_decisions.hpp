// The decisions of a real training, made again: recovery is told what the log says that it was told
// (policy/log_lines.hpp), and must decide what the log says that it decided, in all that a decision
// says and in the same order.
//
// Each supervisor goes on from the memory of the one before, whose hash stands in the log. One that
// is killed between its log and its memory leaves lines that nobody remembers: then the state is
// looked for among the last ones, and what was decided behind it is decided again, as it was.
//
// Leaves out: what was done about a decision, which replay_life.hpp simulates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "wire/events.hpp"

namespace celere::life {

// Where log and replay part: what comes after it is not looked at.
struct Parting {
  std::string time;     // of the line
  std::string told;     // what recovery was told last
  std::string logged;   // what the log has
  std::string decided;  // what was decided now
};

struct DecisionReplay {
  std::int64_t told = 0;         // events, with those to begin
  std::int64_t decisions = 0;    // that were the same
  std::int64_t supervisors = 0;  // each took over from the last
  std::int64_t forgotten = 0;    // events that a supervisor was told and died before it kept them
  std::optional<Parting> parting = {};  // nothing: all were the same
};

// Errors: corrupt, for lines that are not what a supervisor writes; unsupported, for the log of a
// training that was begun before such lines were written.
Result<DecisionReplay> replay_decisions(const std::vector<wire::Event>& log);

}  // namespace celere::life
