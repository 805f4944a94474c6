// All that recovery remembers, as plain data with one written form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "policy/events.hpp"
#include "policy/node_table.hpp"

namespace celere::policy {

struct NodeMemory {
  bool present = false;
  bool drained = false;
  bool slow = false;                   // taken only where no other is there
  bool used = false;                   // it has trained before: no longer a fresh spare
  std::optional<Instant> leaves = {};  // it will be taken away
  std::vector<Instant> failures = {};  // within the window
  friend bool operator==(const NodeMemory&, const NodeMemory&) = default;
};

// A layout, and the number of nodes it was asked for: it may leave some of them out.
struct Plan {
  Shape shape;
  int nodes = 0;
  friend bool operator==(const Plan&, const Plan&) = default;
};

enum class End : std::uint8_t { none, done, stopped, gave_up };

// What is forgotten with each generation.
struct GenerationMemory {
  How how = How::first;
  std::optional<Step> from_step = {};
  bool regrouped = false;   // it came by a Regroup, not by a Start
  bool stepped = false;     // it did a step
  bool progressed = false;  // it did one that none had done before
  bool done = false;        // a worker said so
  bool failed = false;      // something of it failed: "done" of others counts no more
  bool save_asked = false;
  bool killed = false;               // Stop was ordered
  std::optional<Node> suspect = {};  // its worker ended with an error; nobody worse was found yet
  std::optional<Regroup> regroup = {};  // what is being tried
  friend bool operator==(const GenerationMemory&, const GenerationMemory&) = default;
};

struct Memory {
  Phase phase = Phase::idle;
  End end = End::none;
  Instant latest;
  int generation = 0;
  GenerationMemory present;
  Plan full;    // the goal
  Plan next;    // of the next Start
  Plan origin;  // of the last Start
  Shape shape;  // of the present generation: origin, less what was lost
  NodeList slots = {};
  NodeTable<NodeMemory> nodes;
  std::vector<int> plans_asked = {};        // and not answered yet
  Instant start_at;                         // not before
  std::optional<Instant> short_since = {};  // too few nodes for `next`
  int unfit = 0;                            // no layout fits so many nodes or fewer
  int stops_asked = 0;
  std::string give_up;  // why, once the workers are gone
  bool started = false;
  Step best = 0;      // the furthest that was ever done
  int fruitless = 0;  // generations in a row that failed without a step further
  int restarts = 0;
  std::vector<Step> commits = {};       // that are trusted, ascending
  std::optional<Step> distrusted = {};  // up to this one none that is newer is
  bool rolling_back = false;  // until the next Start; what commits meanwhile is not trusted
  Step clean = 0;             // all up to here was found right
  std::vector<Step> skipped = {};
  std::optional<Step> bad_step = {};    // where a loss was not finite the last time
  std::optional<Step> spike_step = {};  // where the last spike began
  int saves_failed = 0;                 // in a row
  friend bool operator==(const Memory&, const Memory&) = default;
};

std::string written(const Memory& memory);
// Errors: corrupt, for what written() could not have written.
Result<Memory> read_memory(std::string_view text);

}  // namespace celere::policy
