// One life of a training, event by event: deliveries, failures and repairs are drawn, recovery
// (policy/) decides as it does for a real one, and what it orders takes its simulated time.
//
// All workers stand as soon as one fails (a step is synchronous). Then
//
//   failure -> (detect, localise) -> recovery is told -> (stop) -> the next generation starts
//           -> (replace, restart, load, warm up) -> steps from the last committed checkpoint,
//
// or the others go on: failure -> told -> (regroup) -> the next step. Between failures a life is
// arithmetic (stretch.hpp): recovery is told of steps and commits when it is next told of anything,
// which changes no decision, as each of these only counts then; while a node is about to leave, it
// is told of each commit. With `every_event` it always is, which a test holds against it.
//
// Leaves out: what stands in scene.hpp.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "life/account.hpp"
#include "life/failures.hpp"
#include "life/scene.hpp"
#include "life/stretch.hpp"
#include "policy/recovery.hpp"

namespace celere::life {

// Nodes first to end - 1 can train from `at` on.
struct Arrival {
  Nanoseconds at = 0;
  Node first = 0, end = 0;
};
// Tranches after time 0 come `late` after what they say.
std::vector<Arrival> arrivals_of(const Scene& scene, Nanoseconds late = 0);

struct LifeOptions {
  bool story = false;
  bool decisions = false;    // each with all its nodes: for small trainings
  bool every_event = false;  // slow: each checkpoint is an event
};

// What every life of a scene begins with: recovery as it is when all nodes that are there at time 0
// have joined and it was told to begin. Worth sharing among many lives: a hundred thousand GPUs
// take some milliseconds to join.
struct Beginning {
  // Where nodes may be dead on arrival, nobody has joined and nothing was begun: each life draws
  // its own.
  explicit Beginning(const Scene& scene);
  policy::Recovery recovery;
  bool begun = false;
  std::vector<policy::Action> actions = {};
};

class Replica {
 public:
  // REQUIRES: checked(scene), which outlives it. Random numbers come from streams (seed, index).
  Replica(const Scene& scene, std::uint64_t seed, std::uint64_t index, LifeOptions options = {})
      : Replica(scene, Beginning(scene), seed, index, options) {}
  Replica(const Scene& scene, const Beginning& beginning, std::uint64_t seed, std::uint64_t index,
          LifeOptions options);

  Life live();  // once

 private:
  enum class Kind : std::uint8_t {
    failure,           // of source a
    given,             // a failure of the scene
    report,            // of outage a
    arrive,            // arrivals_[a]
    join,              // node a
    clear,             // node a
    generation_ended,  // a
    ready,             // generation a
    went_on,           // generation a
    planned,           // for a nodes
    first_step,        // of epoch a
    last_step,         // of epoch a
    save,              // at the end of step b of epoch a
    commit,            // something of generation a was committed
    pace,              // epoch a ends: steps take another time from here on
    check,             // for silent corruption, behind step b of epoch a
    spike,             // of the loss is seen behind step b of epoch a
    slow_ends,         // node a
    slowdown,          // a of the scene begins
    slowdown_ends,     // and ends
    leave,             // the nodes of outage a, as was announced
    again,             // cause a strikes node b, which nobody had found
    finish,            // of epoch a
    tick,
  };
  struct Event {
    Nanoseconds at = 0;
    std::int64_t number = 0;  // ties go in the order in which they were made
    Kind kind = Kind::tick;
    std::int64_t a = 0, b = 0;
    friend bool operator>(const Event& one, const Event& other) {
      return one.at != other.at ? one.at > other.at : one.number > other.number;
    }
  };
  enum class Job : std::uint8_t {
    none,  // no workers
    starting,
    running,
    halted,  // they stand, and recovery does not know it yet
    stopping,
    regrouping,
    finishing,  // the last step is done and being saved
    over,
  };
  struct Outage {
    int cause = 0;
    std::vector<Node> nodes;
  };
  struct SlowNode {
    Node node = 0;
    int cause = 0;
    double factor = 1;
    std::int64_t outage = 0;
    bool reported = false;
  };
  struct Commit {
    Step step = 0;
    Nanoseconds at = 0;
  };

  void after(Nanoseconds wait, Kind kind, std::int64_t a = 0, std::int64_t b = 0);
  void at(Nanoseconds time, Kind kind, std::int64_t a = 0, std::int64_t b = 0);
  std::optional<Event> next_event();
  void happen(const Event& event);
  void tell(const policy::Event& event);
  void tell_in_order(const policy::Event& event);  // behind the steps and commits before it
  void carry_out(std::vector<policy::Action> actions);
  template <typename... Parts>
  void say(fmt::format_string<Parts...> text, Parts&&... parts) {
    if (options_.story)
      life_.story.push_back({now_, fmt::format(text, std::forward<Parts>(parts)...)});
  }
  template <typename... Parts>
  void say_failure(fmt::format_string<Parts...> text, Parts&&... parts) {
    say(text, std::forward<Parts>(parts)...);
    if (options_.story) life_.story.back().failure = true;
  }

  // ---- replica.cpp: what happens ----
  void arrive(const Arrival& arrival);
  void join(Node node);
  void ready(int generation);
  void went_on(int generation);
  bool is_whole();
  void planned(int nodes);
  void finish();
  void slow_down(const Event& event);

  // ---- replica_failures.cpp: what fails, and who hears of it ----
  void strike(const Failure& failure);
  void strike(int index, Node node);
  void strike_worker(const Cause& cause, int index, Node node);
  void strike_group(const Cause& cause, int index, Node node);
  void leave(Outage outage);
  void fall(Outage outage);
  void slow_ends(Node node);
  void check_failed(Step step);
  void spike_seen(Step step);
  void report_later(Outage outage);
  void report(const Outage& outage);
  void report_lost(const Outage& outage);
  void report_hang(int cause, Node node);
  void report_slow(const Cause& cause, Node node);
  Node named(Node sick);  // it, or who is taken for it
  bool trains(Node node) const { return policy_.trains(node); }
  bool is_live() const;
  bool has_unreported() const;  // a node of this generation is down, and nobody knows
  void halt(int cause);
  Nanoseconds repair_time(const Cause& cause);

  // ---- replica_acts.cpp: what recovery orders ----
  void act(const policy::Start& start);
  void act(const policy::Regroup& regroup);
  void act(const policy::Stop& stop);
  void act(const policy::StopSaved& stop);
  void act(const policy::SaveNow& save_now);
  void act(const policy::Replan& replan);
  void act(const policy::Drain& drain);
  void act(const policy::Note& note);
  void act(const policy::GiveUp& give_up);
  void act(const policy::Finish& finish);
  void wait();

  // ---- replica_steps.cpp: steps, saves and the account ----
  void settle();  // the time since the last change belongs to part_
  void tell_span(std::optional<Part> part);
  void pass_milestones();
  void enter(Part part);
  // The stretch or the waiting ends, and all is void that was to come of it. What a step had done
  // that was not finished.
  Nanoseconds stand(Job job, Part part, bool failed = false);
  void begin_stretch(Step from, Pause lead = {});  // it stands at its end where it must
  Nanoseconds end_stretch(bool failed);            // as stand()
  void save_last();
  void go_on();  // a new stretch from here, with another pace
  void save_soon();
  void save_at(Step step);
  void plan_check();
  void plan_spike();
  void change_pace();  // behind the step under way
  Step commit_up_to(Step last, const Stretch& stretch) const;
  void tell_progress(const Stretch& stretch);
  void tell_commit(Step step);
  void watch_commits();
  void deliver_commits();
  Nanoseconds pace(double slowness, Nanoseconds time) const;
  const SlowNode* slowest() const;  // nothing: none that trains is slow
  // When the slowdown that holds at this time ends; nothing: it does not hold.
  std::optional<Nanoseconds> slowed_until(const Slowdown& slowdown, Nanoseconds time) const;
  Nanoseconds standing_from(Nanoseconds time) const;  // so long

  const Scene& scene_;
  LifeOptions options_;
  Prng failures_, repairs_;
  policy::Recovery policy_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::optional<Event> last_step_;
  std::int64_t numbered_ = 0;
  Nanoseconds now_ = 0;
  std::optional<Nanoseconds> tick_at_;
  policy::Why why_;  // of the action that is being carried out

  bool begun_;
  std::vector<policy::Action> first_actions_;
  std::vector<FailureSource> sources_;
  std::vector<Failure> coming_;  // of each source
  std::vector<Node> lemons_;
  std::vector<Arrival> arrivals_;
  std::vector<Outage> outages_;
  std::vector<char> up_;  // of each node
  std::vector<Node> unreported_;
  std::vector<SlowNode> slow_;

  Job job_ = Job::none;
  Part part_ = Part::waiting;
  Nanoseconds since_ = 0;
  int cause_ = -1;       // of the last outage
  int slow_cause_ = -1;  // of who slows the stretch down, and what a step takes without it
  Nanoseconds healthy_pace_ = 1;
  std::int64_t epoch_ = 0;  // of the stretch: events of an older one are void
  Stretch stretch_;         // while running
  const Nanoseconds full_pace_, blocking_, background_, late_;
  const Layout* layout_ = nullptr;
  Step reached_ = 0, best_ = 0;
  Step told_commit_ = 0;
  std::vector<Commit> in_flight_;  // saved by an earlier stretch of this generation
  bool save_wanted_ = false;
  std::optional<Nanoseconds> watched_at_;  // the commit that is waited for next
  std::optional<Step> corrupt_since_;
  Node corrupt_node_ = 0;
  int corrupt_cause_ = 0;
  std::optional<Step> spike_since_;
  int spike_cause_ = 0;
  Life life_;
};

}  // namespace celere::life
