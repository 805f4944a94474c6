// Logs of a training whose times are known, written by hand: what is measured in them, and that a
// life on those times takes the same course, to the nanosecond where nothing is rounded.
#include <gmock/gmock.h>

#include "life/replay_life.hpp"

namespace celere::life {
namespace {

using policy::Recovery;
using testing::ElementsAre;
using testing::SizeIs;

constexpr Nanoseconds ms = 1'000'000;

// A machine on which a step takes 10 ms, a start 400 ms to its first step (300 ms the very first),
// stopping 20 ms, and a checkpoint, of every 20th step, 25 ms until it is committed.
class Machine {
 public:
  Machine(int nodes, policy::Settings settings, const policy::Shape& of = shape())
      : recovery_(settings, of) {
    write("supervisor_started", {{"nodes", std::int64_t{nodes}}});
    write("recovery_begins", policy::begins_fields({settings, of, {}}));
    for (int node = 0; node < nodes; ++node) tell(policy::NodeJoined{node});
    decide(recovery_.begin({at_}));
    write("told", policy::told_fields({{at_}, {}}));
    std::swap(lines[lines.size() - 1], lines[lines.size() - 2]);
    at_ += 290 * ms;
  }
  static policy::Shape shape() { return {.slots = 2, .replicas = 2, .replica_of_slot = {0, 1}}; }

  // Up to that step, from the next on.
  void train(Step last) {
    while (step_ < last) {
      at_ += 10 * ms;
      commit();
      tell(policy::Trained{recovery_.generation(), ++step_});
      if (step_ % 20 == 0) saved_.emplace_back(step_, at_ + 25 * ms);
    }
  }
  void fault(const char* kind, int node, std::vector<wire::EventField> more = {}) {
    std::vector<wire::EventField> fields = {{"fault", std::string(kind)},
                                            {"step", step_},
                                            {"wall_ns", at_},
                                            {"node", std::int64_t{node}}};
    fields.insert(fields.end(), more.begin(), more.end());
    write("fault", std::move(fields));
  }
  void after(Nanoseconds wait) { at_ += wait; }
  void tell(const policy::Event& event) {
    write("told", policy::told_fields({{at_}, event}));
    decide(recovery_.on(event, {at_}));
  }
  void killed(int node) {
    tell(policy::WorkerExited{
        .generation = recovery_.generation(), .node = node, .rank = node, .code = {}, .signal = 9});
  }
  // Known 30 ms later; all begin again at once.
  void loses_worker(int node) {
    fault("kill_worker", node);
    after(30 * ms);
    killed(node);
    begins_again();
  }
  void ended() {
    saved_.clear();
    after(20 * ms);
    tell(policy::GenerationEnded{recovery_.generation()});
  }
  // Where the last checkpoint is.
  void ready(Nanoseconds wait) {
    step_ = recovery_.committed().value_or(0);
    after(wait);
  }
  void begins_again(Nanoseconds until_ready = 390 * ms) {
    ended();
    ready(until_ready);
  }
  void finish() {
    policy::WorkerExited done{
        .generation = recovery_.generation(), .node = 0, .rank = 0, .code = 0, .signal = {}};
    done.done = true;
    tell(done);
    tell(policy::GenerationEnded{recovery_.generation()});
  }
  std::vector<wire::Event> lines;

 private:
  void commit() {
    while (!saved_.empty() && saved_.front().second <= at_) {
      tell(policy::CheckpointCommitted{saved_.front().first});
      saved_.erase(saved_.begin());
    }
  }
  void write(const char* name, std::vector<wire::EventField> fields) {
    lines.push_back({"", name, std::move(fields)});
  }
  void decide(const std::vector<policy::Action>& actions) {
    for (const policy::Action& action : actions) {
      write("decision", policy::decision_fields(action, recovery_));
    }
  }

  Recovery recovery_;
  Nanoseconds at_ = 1'700'000'000'000'000'000;
  Step step_ = 0;
  std::vector<std::pair<Step, Nanoseconds>> saved_;
};

LifeReplay replayed(const Machine& machine) {
  const auto log = read_run_log(machine.lines);
  EXPECT_TRUE(log.ok()) << log.error().text();
  TimesMeasured measured;
  measured.add(*log);
  auto life = replay_life(*log, measured.times());
  EXPECT_TRUE(life.ok()) << life.error().text();
  return *std::move(life);
}

std::vector<std::string> words(const std::vector<Deed>& deeds) {
  std::vector<std::string> out;
  for (const Deed& deed : deeds) out.push_back(written(deed));
  return out;
}

// Both replicas on one node, as two ranks of one machine are: none can be lost alone.
TEST(ReplayLife, one_node_may_hold_all_replicas) {
  Machine machine(1, {}, {.slots = 1, .replicas = 2, .replica_of_slot = {-1}});
  machine.train(50);
  machine.loses_worker(0);
  machine.train(100);
  machine.finish();
  const LifeReplay life = replayed(machine);
  EXPECT_FALSE(life.parted);
  EXPECT_THAT(words(life.simulated), ElementsAre("start first (node 0) from step 0", "stop",
                                                 "start in place from step 40", "finish"));
}

// Struck behind step 50, known 30 ms later; back to step 40: 30 + 20 + 400 ms to step 41, and 100
// ms to step 51. The whole: 300 ms to step 1, 99 steps of 10 ms, and what was lost: 550 ms less the
// one step that would have been done.
TEST(ReplayLife, a_killed_worker_costs_what_was_measured) {
  Machine machine(2, {});
  machine.train(50);
  machine.loses_worker(1);
  machine.train(100);
  machine.finish();
  const LifeReplay life = replayed(machine);
  EXPECT_EQ(nanoseconds(life.times.step.at(2)), 10 * ms);
  EXPECT_EQ(nanoseconds(life.times.first), 290 * ms);
  EXPECT_EQ(nanoseconds(life.times.restart), 390 * ms);
  EXPECT_EQ(nanoseconds(life.times.stop), 20 * ms);
  EXPECT_EQ(nanoseconds(life.times.noticed.at("kill_worker")), 30 * ms);
  EXPECT_EQ(life.times.save_every, 20);
  EXPECT_EQ(nanoseconds(life.times.commit), 30 * ms);  // it is heard with a step
  EXPECT_FALSE(life.parted);
  EXPECT_THAT(words(life.simulated), ElementsAre("start first (node 0, 1) from step 0", "stop",
                                                 "start in place from step 40", "finish"));
  EXPECT_EQ(life.from_apart_max, 0);
  ASSERT_THAT(life.interruptions, SizeIs(1));
  EXPECT_EQ(life.interruptions[0].step, 50);
  EXPECT_NEAR(life.interruptions[0].real.in_base(), 0.550, 1e-9);
  EXPECT_NEAR(life.interruptions[0].simulated.in_base(), 0.550, 1e-9);
  EXPECT_NEAR(life.real_time.in_base(), 0.300 + 0.990 + 0.540, 1e-9);
  EXPECT_NEAR(life.simulated_time.in_base(), 0.300 + 0.990 + 0.540, 1e-9);
}

// The node is seen to be gone after 60 ms, and the spare begins 100 ms later than in place; a
// second time there is none, and one waits until the first is back, 1 s and 80 ms after it fell.
TEST(ReplayLife, nodes_are_lost_and_come_back) {
  policy::Settings settings;
  settings.node_patience = Seconds::of(20);
  Machine machine(3, settings);
  machine.train(30);
  machine.loses_worker(0);
  machine.train(50);
  machine.fault("lose_node", 1, {{"for_s", 9.0}});
  machine.after(60 * ms);
  machine.tell(policy::NodeGone{1});
  machine.begins_again(490 * ms);
  machine.train(90);
  machine.fault("lose_node", 2, {{"for_s", 1.0}});
  machine.after(60 * ms);
  machine.tell(policy::NodeGone{2});
  machine.ended();
  machine.after(1000 * ms);
  machine.tell(policy::NodeJoined{2});
  machine.ready(390 * ms);
  machine.train(120);
  machine.finish();
  const LifeReplay life = replayed(machine);
  EXPECT_FALSE(life.parted);
  EXPECT_THAT(words(life.simulated), ElementsAre("start first (node 0, 1) from step 0", "stop",
                                                 "start in place from step 20", "stop",
                                                 "start spare (node 2) from step 40", "stop",
                                                 "start in place from step 80", "finish"));
  ASSERT_THAT(life.interruptions, SizeIs(3));
  // 60 + 20 + 500 ms to step 41, and 100 ms more.
  EXPECT_NEAR(life.interruptions[1].real.in_base(), 0.680, 1e-9);
  EXPECT_NEAR(life.interruptions[1].simulated.in_base(), 0.680, 1e-9);
  // 60 + 20 + 1000 + 400 ms to step 81, and 100 ms more.
  EXPECT_NEAR(life.interruptions[2].real.in_base(), 1.580, 1e-9);
  EXPECT_NEAR(life.interruptions[2].simulated.in_base(), 1.580, 1e-9);
}

// What recovery did here no life does: the log says that a stop came of nothing.
TEST(ReplayLife, says_where_a_life_parts) {
  Machine machine(2, {});
  machine.train(50);
  machine.killed(1);  // and no fault said why
  machine.begins_again();
  machine.train(100);
  machine.finish();
  const LifeReplay life = replayed(machine);
  ASSERT_TRUE(life.parted);
  EXPECT_EQ(*life.parted, 1U);
  EXPECT_THAT(words(life.real), SizeIs(4));
  EXPECT_THAT(words(life.simulated), SizeIs(2));
  EXPECT_THAT(life.interruptions, SizeIs(0));
}

// Where nobody is named, a life is compared up to there: it would name one.
TEST(ReplayLife, is_compared_as_far_as_it_can_be) {
  Machine machine(2, {});
  machine.train(30);
  machine.loses_worker(1);
  machine.train(50);
  machine.fault("flip_bit", 1);
  machine.train(60);
  machine.tell(policy::BadNumbers{2, policy::Sick::mismatch, 60, {}});
  machine.begins_again();
  machine.train(100);
  machine.finish();
  const LifeReplay life = replayed(machine);
  EXPECT_FALSE(life.parted);
  EXPECT_EQ(life.until, 50);
  EXPECT_THAT(words(life.real), SizeIs(3));
  EXPECT_THAT(life.not_simulated, SizeIs(1));
  EXPECT_NEAR(life.real_time.in_base(), life.simulated_time.in_base(), 1e-9);
}

// The first start is on nodes 5 and 3, which are 0 and 1 from then on, whatever is told of them.
TEST(RunLog, numbers_nodes_anew_wherever_they_are_named) {
  std::vector<wire::Event> lines = {
      {"", "recovery_begins", policy::begins_fields({{}, Machine::shape(), {}})},
      {"", "told", policy::told_fields({{1}, {}})},
      {"",
       "decision",
       {{"action", std::string("start")},
        {"how", std::string("first")},
        {"on_nodes", std::string("5,3")}}}};
  const std::vector<policy::Event> events = {
      policy::NodeJoined{3},
      policy::NodeGone{3},
      policy::NodeCleared{3},
      policy::WorkerExited{.generation = 1, .node = 3, .code = {}, .signal = 9},
      policy::Overdue{1, {5, 3}},
      policy::Slow{1, 3, 1, 2.0},
      policy::BadNumbers{1, policy::Sick::mismatch, 4, 3},
      policy::Preemption{3, 1_s}};
  for (const policy::Event& event : events) {
    lines.push_back({"", "told", policy::told_fields({{2}, event})});
  }
  const auto log = read_run_log(lines);
  ASSERT_TRUE(log.ok()) << log.error().text();
  ASSERT_THAT(log->told, SizeIs(events.size()));
  const auto at = [&](std::size_t i) -> const policy::Event& { return log->told[i].event; };
  EXPECT_EQ(std::get<policy::NodeJoined>(at(0)).node, 1);
  EXPECT_EQ(std::get<policy::NodeGone>(at(1)).node, 1);
  EXPECT_EQ(std::get<policy::NodeCleared>(at(2)).node, 1);
  EXPECT_EQ(std::get<policy::WorkerExited>(at(3)).node, 1);
  EXPECT_THAT(std::get<policy::Overdue>(at(4)).absent, ElementsAre(0, 1));
  EXPECT_EQ(std::get<policy::Slow>(at(5)).node, 1);
  EXPECT_EQ(std::get<policy::BadNumbers>(at(6)).node, 1);
  EXPECT_EQ(std::get<policy::Preemption>(at(7)).node, 1);
}

// A line of which the node was lost: why it does not strike is said all the same.
TEST(ReplayLife, says_that_the_node_of_a_fault_is_not_known) {
  Machine machine(2, {});
  machine.train(50);
  machine.fault("kill_worker", 1);
  ASSERT_EQ(machine.lines.back().fields.back().first, "node");
  machine.lines.back().fields.pop_back();
  machine.train(100);
  machine.finish();
  EXPECT_THAT(replayed(machine).not_simulated,
              ElementsAre("kill_worker: the log does not say of which node"));
}

}  // namespace
}  // namespace celere::life
