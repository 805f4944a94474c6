// Where the time of a training went. Each nanosecond is in one place, so the parts sum to the
// whole.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "life/scene.hpp"
#include "wire/events.hpp"

namespace celere::life {

enum class Part : std::uint8_t {
  useful,      // steps done for the first time, at the full layout's pace
  waiting,     // before the first start, for nodes
  checkpoint,  // saves that block
  detection,   // standing still, and nobody knows or knows where
  restart,     // from there to the next step: stop, replace, load, warm up, regroup, back off
  replay,      // steps done again, and those that a failure cut short
  degraded,    // what steps took longer than in the full layout: fewer nodes, slow ones, flaps,
               // slowdowns; and standing where one of these stops all
  no_machine,  // after the first start: too few nodes
  evaluation,  // all stand, and the model is evaluated
};
inline constexpr int part_count = 9;
const char* name_of(Part part);

using Account = std::array<Nanoseconds, part_count>;
Nanoseconds whole(const Account& account);

struct CauseCount {
  std::int64_t hits = 0;       // those that struck what trains
  std::int64_t idle_hits = 0;  // and spares
  Nanoseconds lost = 0;        // detection, restart, replay and no machine that followed
};

struct StoryEvent {
  Nanoseconds at = 0;
  std::string text = {};
  bool failure = false;  // something strikes, spares as well
};

// A line of events.jsonl, as a real training writes one for each decision (policy/log_lines.hpp).
struct LoggedDecision {
  Nanoseconds at = 0;
  wire::Event line = {};
};

// What the training did for a while, where the story is asked for. One without a part trains: its
// steps, saves and evaluations are told apart in the account alone.
struct Span {
  Nanoseconds begin = 0, end = 0;
  std::optional<Part> part = {};
  int nodes = 0;  // that train
};

inline constexpr int milestones = 64;

struct Life {
  bool done = false;
  std::string why_not = {};  // not done: who gave up, and why; or the horizon
  Nanoseconds time = 0;      // from 0 to the end
  Account account{};
  std::vector<CauseCount> causes = {};  // as in the scene
  std::int64_t starts = 0, regroups = 0, checkpoints = 0, failures = 0, drained = 0;
  std::int64_t steps_again = 0;   // done more than once
  std::int64_t undetected = 0;    // silent corruption that no check found
  std::int64_t misdiagnosed = 0;  // a healthy node was named
  std::int64_t unhealed = 0;      // spikes that were lived with: no more batches may be skipped
  Seconds node_time = {};         // the sum over nodes, each from its arrival to the end
  std::optional<Joules> energy = {};
  std::optional<Dollars> dollars = {};
  // When each of `milestones` equal shares of the steps was first done; as far as it came.
  std::vector<Nanoseconds> reached = {};
  std::vector<StoryEvent> story = {};          // where it was asked for
  std::vector<Span> spans = {};                // so too
  std::vector<LoggedDecision> decisions = {};  // where they were asked for

  // Useful time over all time since there were nodes enough to begin.
  double ettr() const;
};

}  // namespace celere::life
