// One event's decision: changes the memory and collects the actions. Inside of recovery.hpp.
//
// starts.cpp has when and with which nodes a generation begins, goes on or is moved; failures.cpp
// what a failure does and whose it is; numbers.cpp which checkpoints are trusted and what bad
// numbers do.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "policy/events.hpp"
#include "policy/memory.hpp"
#include "policy/node_index.hpp"

namespace celere::policy {

class Decision {
 public:
  Decision(const Settings& settings, Memory& memory, NodeIndex& index)
      : settings_(settings), m_(memory), index_(index) {}

  void on(const NodeJoined& event);
  void on(const NodeGone& event);
  void on(const NodeCleared& event);
  void on(const WorkerExited& event);
  void on(const GenerationEnded& event);
  void on(const Trained& event);
  void on(const Overdue& event);
  void on(const Slow& event);
  void on(const BadNumbers& event);
  void on(const CleanCheck& event);
  void on(const Preemption& event);
  void on(const CheckpointCommitted& event);
  void on(const CheckpointFailed& event);
  void on(const Planned& event);
  void on(const WentOn& event);
  void on(const CouldNotGoOn& event);
  void on(const StopAsked& event);
  void on(const Tick& event);

  // Nothing lives: starts a generation, or waits, or asks for a plan, or ends. `why` it must.
  void start_or_wait(const Why& why);

  std::vector<Action> take() { return std::move(actions_); }

 private:
  template <typename What>
  void act(What what, Why why) {
    actions_.push_back({std::move(what), std::move(why)});
  }

  // ---- starts.cpp ----
  bool usable(const NodeMemory& node) const;
  bool usable(Node node) const;
  int usable_count();
  int slot_of(Node node) const { return index_.slot_of(node); }  // -1: none
  bool has_slot(Node node) const { return index_.has_slot(node); }
  SlotChange chosen(int count);      // for so many slots: who comes where
  std::vector<Moved> with_spares();  // where the node of a slot cannot stay
  std::vector<std::size_t> giving_way(std::ptrdiff_t missing, const std::vector<Node>& others);
  std::vector<Node> spares(std::size_t most = SIZE_MAX);  // the best first
  int nodes_wanted();  // for which a plan would be asked: those there are, or all
  void ask_plan(int nodes, const Why& why);
  void wait(const Why& why);
  void start(const Why& why);
  void over(End end, const Why& why);
  std::string why_over() const;  // no further start; empty: one may be
  // Spares, new nodes: does what the present generation can gain by them.
  void improve();
  bool join_replicas();
  // With the slots and the shape that memory has by now.
  void regroup(std::optional<int> lost, std::vector<Node> joining, Why why);
  std::optional<Why> why_move();  // to other nodes at the next checkpoint; nothing: no reason
  void ask_save(const Why& why);
  void stop_saved();

  // ---- failures.cpp ----
  bool lives() const { return m_.phase == Phase::training || m_.phase == Phase::regrouping; }
  bool is_present(int generation) const { return m_.generation == generation; }
  void forget_old_failures(NodeMemory& node) const;
  void blame(Node node);
  void drain_if_lemon(Node node);
  bool saving_to_stop() const { return m_.phase == Phase::stopping && !m_.present.killed; }
  void kill(const Why& why);
  // What was lost of the present generation, if it is known: goes on without it, or stops.
  void fail(const std::vector<Node>& lost, const Why& why);
  bool go_on_without(const std::vector<Node>& lost, const Why& why);
  void count_failure();
  void settle_suspect();

  // ---- numbers.cpp ----
  void roll_back_to(Step step, Step seen);  // what was bad was seen behind step `seen`
  void forget_old_commits();
  void on_not_finite(const BadNumbers& event);
  void on_spike(const BadNumbers& event);
  void on_mismatch(const BadNumbers& event);
  bool skip(Step step);  // false: no more may be skipped

  const Settings& settings_;
  Memory& m_;
  NodeIndex& index_;
  std::vector<Action> actions_;
};

// Recovery::must_keep.
std::vector<Step> needed_commits(const Memory& memory);
// One replica goes, with those slots; one more comes, with so many, at the end.
void lose_replica(Shape& shape, int replica, const std::vector<std::size_t>& slots);
void add_replica(Shape& shape, int slots);
// Slots of each replica, where all have equally many and no slot is of several; else 0.
int slots_of_replica(const Shape& shape);
bool is_valid(const Shape& shape);

}  // namespace celere::policy
