// What to do when something fails: a pure state machine, events in, actions out. The supervisor of
// a real training (launch/) and the simulation of one (life/) feed it and do what it says.
//
// A training runs as one *generation* of workers after another: all are started together, and when
// one is lost the generation ends, or goes on as the next one without the replica that was hit. A
// generation has *slots*, each with the ranks of one node; a node in no slot is a spare. Events of
// a generation that is over change nothing.
//
//   starting -> training -> stopping -> (waiting) -> starting ...   -> finished | gave up | stopped
//
// It draws no random numbers, reads no clock (the time comes with each event) and remembers no more
// than what it says in `Recovery::state()`, from which a supervisor that takes over goes on.
//
// Leaves out: how a failure is noticed (straggler.hpp, deadline.hpp, spike.hpp decide on numbers;
// launch/ and life/ know of processes), and what a layout for other numbers of nodes is: it asks
// for that by Replan, and the answer comes back as Planned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"

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
  std::vector<int> replica_of_slot;
  // Each replica has all weights and optimizer state, so that the others go on when one is lost.
  bool replicas_whole = false;
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class LostReplica : std::uint8_t { roll_back, go_on };

struct Settings {
  LostReplica on_lost_replica = LostReplica::roll_back;
  // Starts in a row of which none did a step that was not done before.
  int retries = 8;
  // Before the second of such starts, then twice as long each time.
  Seconds back_off = Seconds::of(1);
  Seconds back_off_max = Seconds::of(300);
  // A node with so many failures within the window is drained: a few nodes fail most.
  int node_failures = 3;
  Seconds node_window = Seconds::of(24 * 3600);
  // With too few nodes: so long one waits for more, then a layout for those there are is asked for.
  Seconds node_patience = Seconds::of(30);
  bool resizes =
      true;  // whether it asks for other layouts at all; else it waits for nodes, for ever
  // Slower than the median by this factor: the node is replaced where a spare is there.
  double straggler_factor = 1.1;
  int skips = 3;         // batches that may be skipped in all
  int restarts = 10000;  // in all; then it gives up
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
struct WorkerExited {
  int generation = 0;
  Node node = 0;
  Rank rank = 0;
  std::optional<int> code, signal;  // one of them
  bool done = false;                // it says that the training is done
  bool stopped = false;             // it was asked to stop, and saved
};
struct GenerationEnded {
  int generation = 0;
};  // no worker of it lives any more
struct Trained {
  int generation = 0;
  Step step = 0;
};                // a step is done
struct Overdue {  // a collective, or a whole step
  int generation = 0;
  std::vector<Node> absent;  // those that did not arrive; empty: not known
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
  Step step = 0;             // that was not done
  std::optional<Node> node;  // where it is known
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
  std::optional<Shape> shape;
};  // the answer to Replan; nothing: no layout fits
struct WentOn {
  int generation = 0;
  Step step = 0;
};  // the Regroup of this generation worked
struct CouldNotGoOn {
  int generation = 0;
};                    // it did not
struct StopAsked {};  // by a person, or the end of an allocation
struct Tick {};       // at the time that wakes() asked for

using Event = std::variant<NodeJoined, NodeGone, WorkerExited, GenerationEnded, Trained, Overdue,
                           Slow, BadNumbers, CleanCheck, Preemption, CheckpointCommitted,
                           CheckpointFailed, Planned, WentOn, CouldNotGoOn, StopAsked, Tick>;

// ---- actions ----

enum class How : std::uint8_t {
  first,      // the first start of this training
  in_place,   // the same nodes
  elsewhere,  // other nodes, which had been in use or came back
  spare,      // a spare takes the place of a node
  resized,    // another layout
};

struct Start {
  int generation = 0;
  How how = How::first;
  std::vector<Node> nodes;        // of each slot
  std::optional<Step> from_step;  // go back to this checkpoint; nothing: the newest good one
  std::vector<Step> skipped;      // steps whose batches are consumed and not trained on
};
// Those of the last generation that live form a new one without going back: the slots of `lost`
// are left out, or those of a last replica are new.
struct Regroup {
  int generation = 0;  // the new one
  std::vector<Node> nodes;
  int replicas = 1;
  std::optional<int> lost;    // which replica of the last generation
  std::vector<Node> joining;  // nodes whose ranks begin with a peer's weights
};
struct Stop {
  int generation = 0;
};  // kill all of its workers that live; then GenerationEnded
struct StopSaved {
  int generation = 0;
};  // ask them to save and end
struct SaveNow {
  int generation = 0;
};
struct Replan {
  int nodes = 0;
};  // of so many nodes at most; then Planned
struct Drain {
  Node node = 0;
};               // it gets no more work until a person says so
struct Note {};  // nothing to do: only to be told
struct GiveUp {};
struct Finish {
  bool done = true;
};  // done, or stopped as asked

struct Action {
  std::variant<Start, Regroup, Stop, StopSaved, SaveNow, Replan, Drain, Note, GiveUp, Finish> what;
  std::string why;  // for people: who failed, and what follows
};

// ---- the machine ----

enum class Phase : std::uint8_t { idle, training, regrouping, stopping, waiting, planning, over };

class Recovery {
 public:
  Recovery(Settings settings, Shape shape);

  // What is to be done now, in this order. Events come in the order of their times.
  std::vector<Action> on(const Event& event, Instant now);
  // When a Tick is wanted; nothing: not before another event.
  std::optional<Instant> wakes() const;

  // Begins, or goes on where a supervisor before left off: `generation` workers are there, or none.
  // (A supervisor that takes over replays what it finds in its log: the nodes join, the committed
  // checkpoints, then adopt().)
  std::vector<Action> begin(Instant now);
  struct Adopted {
    int generation = 0;
    Shape shape;
    std::vector<Node> nodes;  // of each slot
    Step step = 0;            // the last that is known
    std::vector<Step> skipped;
  };
  void adopt(const Adopted& running);

  Phase phase() const;
  int generation() const;
  const Shape& shape() const;
  const std::vector<Node>& nodes() const;  // of each slot of the present generation
  std::optional<Step> committed() const;   // the newest that is trusted
};

}  // namespace celere::policy
