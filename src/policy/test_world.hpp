// A small cluster that carries out what recovery says, second by second, and holds it to what must
// be true whatever fails. For tests.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/recovery.hpp"

namespace celere::policy {

enum class Fault {
  worker_killed,
  worker_error,
  node_lost,       // and never back
  node_away,       // back after 4 s
  two_nodes_away,  // at once
  hang,            // who is absent is known
  hang_anywhere,   // nobody knows
  slow,
  not_finite_once,
  not_finite_always,  // at that step, until its batch is skipped
  spike_heals,
  spike_lasts,
  mismatch,
  mismatch_somewhere,
  preemption,                // gone after 6 s
  preemption_short,          // gone after 1 s
  saves_fail,                // for 8 s
  no_plan,                   // no layout is found for 8 s
  cannot_go_on,              // the next regroup fails
  old_news,                  // what a generation before did comes late
  supervisor_killed,         // after its orders were carried out
  supervisor_killed_before,  // with its next orders written down and not carried out
};
inline constexpr int faults = static_cast<int>(Fault::supervisor_killed_before) + 1;

// Three replicas of a node each.
inline Shape three() {
  return {.slots = 3, .replicas = 3, .replica_of_slot = {0, 1, 2}, .replicas_whole = true};
}

struct WorldOptions {
  Settings settings;
  Shape shape;
  int nodes = 4;  // 0 to 3
  Step last_step = 40;
  int twin_every = 0;  // at each so many-th event a twin takes over and must decide the same
};

class World {
 public:
  explicit World(const WorldOptions& options);

  void fault(Fault kind, Node node);
  void second();  // one passes
  void repair();  // faults are over: nodes are back, a person has cleared those drained
  void ask_to_stop();

  const Recovery& policy() const { return policy_; }
  bool over() const { return ended_.has_value(); }
  bool done() const { return ended_ == "done"; }
  const std::string& ended() const { return *ended_; }  // "done", "stopped", "gave up: why"
  // What must be true and was not; empty: all was.
  const std::vector<std::string>& wrong() const { return wrong_; }
  const std::string& log() const { return log_; }
  int starts() const { return starts_; }
  int regroups() const { return regroups_; }
  const std::set<Step>& skipped() const { return skipped_; }
  Step step() const { return step_; }

 private:
  struct Later {
    int at = 0;
    Event event;
  };
  void tell(const Event& event);
  void carry_out(const std::vector<Action>& actions);
  void keep_books(const Event& event);  // by themselves, of what must hold
  void trust_until(Step step);
  void failed();
  void write_down();
  void carry_out(const Start& start, const std::string& why);
  void carry_out(const Regroup& regroup, const std::string& why);
  void carry_out(const Stop& stop, const std::string& why);
  void carry_out(const StopSaved& stop, const std::string& why);
  void carry_out(const SaveNow& save_now, const std::string& why);
  void carry_out(const Replan& replan, const std::string& why);
  void carry_out(const Drain& drain, const std::string& why);
  void carry_out(const Note& note, const std::string& why);
  void carry_out(const GiveUp& give_up, const std::string& why);
  void carry_out(const Finish& finish, const std::string& why);
  void must(bool condition, const std::string& what);
  void take_over();
  void lose(Node node);
  void come_back(Node node);
  void train();
  void commit(Step step);
  void all_exit(bool done);
  void end_generation();
  void fault_of_numbers(Fault kind, Node node, bool trains);
  Instant now() const { return {std::int64_t{now_} * 1'000'000'000}; }

  WorldOptions options_;
  Recovery policy_;
  std::optional<Recovery> state_;  // as it was written down last
  int told_ = 0;
  int now_ = 0;
  bool orders_lost_ = false;  // of the next event
  std::optional<std::string> ended_;
  std::vector<std::string> wrong_;
  std::string log_;
  std::deque<Event> events_;
  bool telling_ = false;
  std::vector<Later> later_;

  std::set<Node> present_, drained_, told_gone_;
  std::map<Node, int> back_at_, leaves_at_;

  // The workers.
  int generation_ = 0;
  std::set<Node> workers_;   // nodes on which they live
  std::set<Node> carriers_;  // nodes whose workers have had the weights of their last step
  std::vector<Node> slots_;
  int ready_at_ = 0;  // loading until then
  bool hung_ = false, stopping_ = false, saving_to_stop_ = false, regrouping_ = false;
  bool ended_told_ = false, asked_to_stop_ = false;
  bool moves_ = false;  // the last Stop was for other nodes, not for a failure
  Step step_ = 0;
  std::set<Step> skipped_;
  std::optional<Step> saving_, spike_, bad_step_;
  bool bad_once_ = false, spike_lasts_ = false, spike_told_ = false;
  int saves_fail_until_ = 0, no_plan_until_ = 0;
  bool cannot_go_on_ = false;

  // What must hold.
  std::set<Step> stored_;   // on the disk
  std::set<Step> trusted_;  // of them, by this book
  Step clean_ = 0;
  struct Books {  // of what a supervisor may forget when it dies
    Step best = 0;
    int fruitless = 0, failed_at = 0;
    bool progressed = false;
  };
  Books books_, written_books_;
  int starts_ = 0, regroups_ = 0;
};

}  // namespace celere::policy
