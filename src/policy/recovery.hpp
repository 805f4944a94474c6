// What to do when something fails: a pure state machine, events in, actions out. The supervisor of
// a real training (launch/) and the simulation of one (life/) feed it and do what it says.
//
// A training runs as one *generation* of workers after another: all are started together, and when
// one is lost the generation ends, or goes on as the next one without the replica that was hit. A
// generation has *slots*, each with the ranks of one node; a node in no slot is a spare. Events of
// a generation that is over change nothing.
//
//   idle -> training -> stopping -> (waiting) -> (planning) -> training ... -> over
//           training -> regrouping -> training
//
// It draws no random numbers, reads no clock (the time comes with each event) and remembers no more
// than what it says in state(), from which a supervisor that takes over goes on.
//
// Leaves out: how a failure is noticed (straggler.hpp, deadline.hpp, spike.hpp decide on numbers;
// launch/ and life/ know of processes), what a layout for other numbers of nodes is (it asks by
// Replan, and the answer comes back as Planned), and which spare is near the node it replaces.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "policy/events.hpp"
#include "policy/memory.hpp"
#include "policy/node_index.hpp"

namespace celere::policy {

class Recovery {
 public:
  // `shape` is the full one: with fewer nodes it trains in a smaller one, and grows back to it.
  Recovery(Settings settings, Shape shape);

  // What is to be done now, in this order. Events come in the order of their times, which must go
  // on from one supervisor to the next: wall time is fit (a step back of the clock is taken as no
  // time passing).
  std::vector<Action> on(const Event& event, Instant now);
  // When a Tick is wanted; nothing: not before another event.
  std::optional<Instant> wakes() const;

  // Begins, or goes on where a supervisor before left off. After from_state() it repeats the order
  // that the present phase waits for, since nobody knows whether it was carried out: who has
  // already done so does nothing. A training that was stopped or given up begins again, with fresh
  // retries.
  std::vector<Action> begin(Instant now);

  // Workers live, and there is no state() of them: the nodes join, the committed checkpoints come,
  // then adopt(), then begin(). What is not in it is forgotten.
  struct Adopted {
    int generation = 0;
    Shape shape;
    std::vector<Node> nodes;  // of each slot
    Step step = 0;            // the last that is known
    std::vector<Step> skipped;
  };
  void adopt(const Adopted& running);

  // One line of JSON. It is to be on disk before the actions of on() are carried out; Trained alone
  // needs no writing: what is lost by that is that some steps count as new once more.
  std::string state() const;
  // REQUIRES of the caller: `shape` is the full shape; a live generation must have been begun under
  // the same. Nodes that were there are taken to be there until NodeGone, unless the training was
  // over. Errors: corrupt; bad_input where the shape differs.
  static Result<Recovery> from_state(Settings settings, Shape shape, std::string_view text);

  Phase phase() const { return memory_.phase; }
  int generation() const { return memory_.generation; }
  const Shape& shape() const { return memory_.shape; }
  // Of each slot of the present generation.
  const std::vector<Node>& nodes() const { return memory_.slots; }
  std::optional<Step> committed() const;  // the newest that is trusted
  // Which of them it is; -1: none, a spare.
  int slot_of(Node node) const;
  bool trains(Node node) const { return index_.has_slot(node); }
  bool is_drained(Node node) const;
  // So many nodes are there, not drained, and not about to be taken away.
  int steady() const { return index_.steady(); }
  // Some are, so that what it decides may change with the time alone.
  bool is_any_leaving() const { return !index_.leaving().empty(); }
  int failures_of(Node node) const;  // within the window, as far as they were counted
  // The checkpoints that a roll back could need, ascending: besides the newest, these must not be
  // removed.
  std::vector<Step> must_keep() const;

 private:
  std::vector<Action> again() const;

  Settings settings_;
  Memory memory_;
  NodeIndex index_;  // of its nodes
};

}  // namespace celere::policy
