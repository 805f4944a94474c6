// What recovery is told and what it orders: the words of recovery.hpp.
//
// Steps are counted from 1, as they are done; a checkpoint of step k holds what k steps made, and
// step 0 is the beginning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/units.hpp"
#include "policy/node_list.hpp"
#include "policy/slot_replicas.hpp"
#include "policy/why.hpp"

namespace celere::policy {

using Node = int;  // as the launcher numbers them, from 0
using Rank = int;
using Step = std::int64_t;

// What the policy must know of a layout.
struct Shape {
  int slots = 1;     // nodes that train
  int replicas = 1;  // dp
  // Of each slot: the replica whose ranks it holds; empty, or -1: ranks of several, or of none
  // that could be lost alone.
  SlotReplicas replica_of_slot = {};
  // Each replica has all weights and optimizer state, so that the others go on when one is lost.
  bool replicas_whole = false;
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class LostReplica : std::uint8_t { roll_back, go_on };

// A start on many nodes may fail by chance, whatever is right with the training: on n nodes that
// fail r times a day each, and with t until the first new step, it does so with probability
//
//   1 - exp(-n r t):   0.02 for 512 nodes, 0.43 for 12,512, 0.81 for 37,520
//
// with r = 6.4e-3 (a failure each 18 min on 100,000 GPUs [FT-HSDP, arXiv 2602.00277]) and t = 10
// min. Among the 80,000 starts of a year a row of 8 is then certain and one of 87 comes once in a
// thousand years. So what counts starts (retries, restarts, doublings of back_off) is multiplied by
// the scale of the full layout, which is 1 for all that a broken training should not burn long.
inline constexpr int slots_of_a_scale = 2048;
inline int scale_of(const Shape& full) { return 1 + full.slots / slots_of_a_scale; }

struct Settings {
  LostReplica on_lost_replica = LostReplica::roll_back;
  // Starts in a row, times the scale, of which none did a step that was not done before.
  int retries = 8;
  // Before the second of such starts, then twice as long each time (at a scale of k each k times).
  Seconds back_off = Seconds::of(1);
  Seconds back_off_max = Seconds::of(300);
  // A node with so many failures within the window is drained, where another can take its place: a
  // few nodes fail most.
  int node_failures = 3;
  Seconds node_window = Seconds::of(24 * 3600);
  // With too few nodes: so long one waits for more, then a layout for those there are is asked for.
  // So long, too, after the end of a preemption notice a node that is still there is trusted again.
  Seconds node_patience = Seconds::of(30);
  bool resizes =
      true;  // whether it asks for other layouts at all; else it waits for nodes, for ever
  // Slower than the median by this factor: the node is replaced where a spare is there. (Estimates
  // count from least_slow() of it on, straggler.hpp.)
  double straggler_factor = 1.1;
  int skips = 3;         // batches that may be skipped in all
  int restarts = 10000;  // in all, times the scale; then it gives up
  // A spike of the loss has so many steps to heal by itself.
  Step spike_heals = 50;
  // So many failed checkpoints in a row are worth a person's attention.
  int saves_failed = 3;
};

// ---- events ----

enum class Sick : std::uint8_t {  // what numbers say
  not_finite,                     // a loss or gradient that is no number
  spike,                          // a loss far off those before
  mismatch,  // replicas that should be equal, or a micro-batch run twice, differ
};

struct NodeJoined {
  Node node = 0;
};  // its agent is there (again)
struct NodeGone {
  Node node = 0;
};  // its agent is silent for too long, or it said goodbye
struct NodeCleared {
  Node node = 0;
};  // a person says that a drained node may work again
struct WorkerExited {
  int generation = 0;
  Node node = 0;
  Rank rank = 0;
  std::optional<int> code = {}, signal = {};  // one of them
  bool done = false;                          // it says that the training is done
  bool stopped = false;                       // it was asked to stop, and saved
};
// No worker of it lives any more that could do harm: those of nodes that are gone count as dead,
// and whoever says so sees to it that they cannot write (fence.hpp). After a Regroup only the new
// number counts.
struct GenerationEnded {
  int generation = 0;
};
struct Trained {
  int generation = 0;
  Step step = 0;
};  // a step is done
struct Overdue {  // a collective, or a whole step
  int generation = 0;
  std::vector<Node> absent = {};  // those that did not arrive; empty: not known
};
struct Slow {
  int generation = 0;
  Node node = 0;
  Rank rank = 0;
  double factor = 1;
};
struct BadNumbers {
  int generation = 0;
  Sick kind = Sick::not_finite;
  Step step = 0;                  // that was not done (of a spike: where it was seen)
  std::optional<Node> node = {};  // where it is known
};
struct CleanCheck {
  int generation = 0;
  Step step = 0;
};  // replicas and repeats were equal behind it
struct Preemption {
  Node node = 0;
  Seconds notice;
};  // the node will be gone after so long
struct CheckpointCommitted {
  Step step = 0;
};
struct CheckpointFailed {
  Step step = 0;
};
struct Planned {
  std::optional<Shape> shape = {};
};  // the answer to Replan, one to each, in their order; nothing: no layout fits
struct WentOn {
  int generation = 0;
  Step step = 0;
};  // the Regroup of this generation worked
struct CouldNotGoOn {
  int generation = 0;
};  // it did not, or took too long
struct StopAsked {};  // by a person, or the end of an allocation
struct Tick {};       // at the time that wakes() asked for

using Event =
    std::variant<NodeJoined, NodeGone, NodeCleared, WorkerExited, GenerationEnded, Trained, Overdue,
                 Slow, BadNumbers, CleanCheck, Preemption, CheckpointCommitted, CheckpointFailed,
                 Planned, WentOn, CouldNotGoOn, StopAsked, Tick>;

// ---- actions ----

enum class How : std::uint8_t {
  first,      // the first start of this training
  in_place,   // the same nodes
  elsewhere,  // other nodes, which had been in use or came back
  spare,      // a spare takes the place of a node
  resized,    // another layout: the last that was Planned, or the first one
};

struct Start {
  int generation = 0;
  How how = How::first;
  NodeList nodes = {};  // of each slot
  // Go back: begin with the newest good checkpoint that is not newer than this (0: from the
  // beginning), and put the newer ones away, which are not to be trusted. Nothing: with the newest
  // good one.
  std::optional<Step> from_step = {};
  std::vector<Step> skipped = {};  // steps whose batches are consumed and not trained on
  friend bool operator==(const Start&, const Start&) = default;
};
// Those of the last generation that live form a new one without going back: the slots of `lost`
// are left out (what lives there is killed), or those of the last replicas are new. The order of
// the other slots is kept; replicas behind the lost one move up by one. Where a replica is lost
// while others form a generation, they form the next one instead, and who was joining joins that.
struct Regroup {
  int generation = 0;  // the new one
  NodeList nodes = {};
  int replicas = 1;
  std::optional<int> lost = {};    // which replica of the last generation
  std::vector<Node> joining = {};  // nodes whose ranks begin with a peer's weights
  friend bool operator==(const Regroup&, const Regroup&) = default;
};
struct Stop {
  int generation = 0;
  friend bool operator==(const Stop&, const Stop&) = default;
};  // kill all workers that live, of this and of the generation it was made from; then
    // GenerationEnded
struct StopSaved {
  int generation = 0;
  friend bool operator==(const StopSaved&, const StopSaved&) = default;
};  // ask them to save and end
struct SaveNow {
  int generation = 0;
  friend bool operator==(const SaveNow&, const SaveNow&) = default;
};
struct Replan {
  int nodes = 0;
  friend bool operator==(const Replan&, const Replan&) = default;
};  // of so many nodes at most; then Planned
struct Drain {
  Node node = 0;
  friend bool operator==(const Drain&, const Drain&) = default;
};  // it gets no more work until a person says so
struct Note {
  friend bool operator==(const Note&, const Note&) = default;
};  // nothing to do: only to be told
struct GiveUp {
  friend bool operator==(const GiveUp&, const GiveUp&) = default;
};
struct Finish {
  bool done = true;
  friend bool operator==(const Finish&, const Finish&) = default;
};  // done, or stopped as asked

struct Action {
  std::variant<Start, Regroup, Stop, StopSaved, SaveNow, Replan, Drain, Note, GiveUp, Finish> what;
  Why why;  // for people: who failed, and what follows
  friend bool operator==(const Action&, const Action&) = default;
};

enum class Phase : std::uint8_t { idle, training, regrouping, stopping, waiting, planning, over };

}  // namespace celere::policy
