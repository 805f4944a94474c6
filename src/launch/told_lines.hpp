// What recovery is told, on its way into events.jsonl (policy/log_lines.hpp): with these lines
// every decision can be made again.
//
// They are written before the decisions that follow from them, and before recovery's memory: so
// whatever a memory holds stands in the log. A supervisor that is killed between the two leaves
// lines that nobody remembers.
//
// Leaves out what changes nothing, of which a hundred thousand ranks would say much: each step
// after a generation's first but the last before something else, and ranks that end as one before
// them did, once all are ending.
#pragma once

#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "launch/journal.hpp"
#include "policy/log_lines.hpp"

namespace celere::launch {

class ToldLines {
 public:
  void began(Instant now);
  // `phase`: before it is told.
  void add(const policy::Event& event, Instant now, policy::Phase phase);
  void write(Journal& journal);
  // What is still to be written.
  const std::vector<policy::Told>& waiting() const { return waiting_; }

 private:
  bool is_echo(const policy::WorkerExited& exited, policy::Phase phase);

  std::vector<policy::Told> waiting_;
  bool merges_ = false;  // the last that waits is a step, and not the first of its generation
  int stepped_ = 0;      // the generation of the last step
  int ending_ = 0;       // the generation of ends_
  std::set<std::tuple<policy::Phase, std::optional<int>, std::optional<int>>> ends_;
};

}  // namespace celere::launch
