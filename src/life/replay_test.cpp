// Logs of trainings that were never run: what recovery decides on random events is written as a
// supervisor writes it, and must be decided again; a log in which one thing is changed must not.
#include <gmock/gmock.h>

#include <random>

#include "life/replay_decisions.hpp"
#include "policy/log_lines.hpp"
#include "tokens/hash.hpp"

namespace celere::life {
namespace {

using policy::Recovery;
using testing::HasSubstr;

constexpr int nodes = 5;

// A supervisor that hears things at random, and dies now and then.
class Log {
 public:
  explicit Log(unsigned seed) : random_(seed), recovery_(settings(), shape()) {
    begin({});
    for (int i = 0; i < 300; ++i) {
      if (random_() % 40 == 0) {
        take_over();
      } else {
        at_.nanoseconds += static_cast<std::int64_t>(random_() % 3'000'000'000);
        tell(any());
      }
    }
  }
  std::vector<wire::Event> lines;
  int takeovers = 0, decisions = 0, forgotten = 0;

 private:
  static policy::Settings settings() {
    policy::Settings out;
    out.on_lost_replica = policy::LostReplica::go_on;
    out.back_off = Seconds::of(0.5);
    out.node_patience = Seconds::of(4);
    out.retries = 50;
    return out;
  }
  static policy::Shape shape() {
    return {.slots = 4, .replicas = 2, .replica_of_slot = {0, 0, 1, 1}, .replicas_whole = true};
  }

  // Through JSON, as a file would give it back.
  void write(const char* name, std::vector<wire::EventField> fields) {
    auto line = wire::parse_event(
        wire::written_json({std::to_string(at_.nanoseconds), name, std::move(fields)}));
    lines.push_back(*std::move(line));
  }
  void begin(std::optional<std::int64_t> memory) {
    write("recovery_begins", policy::begins_fields({settings(), shape(), memory}));
  }
  void decide(const std::vector<policy::Action>& actions) {
    for (const policy::Action& action : actions) {
      ++decisions;
      write("decision", policy::decision_fields(action, recovery_));
    }
  }
  void tell(const policy::Event& event) {
    kept_ = recovery_;
    write("told", policy::told_fields({at_, event}));
    decide(recovery_.on(event, at_));
  }
  // Sometimes before the last that was told was kept.
  void take_over() {
    ++takeovers;
    if (random_() % 2 == 0 && kept_.state() != recovery_.state()) {
      recovery_ = kept_;
      ++forgotten;
    }
    const std::string memory = recovery_.state();
    auto next = Recovery::from_state(settings(), shape(), memory);
    ASSERT_TRUE(next.ok());
    recovery_ = *std::move(next);
    begin(static_cast<std::int64_t>(tokens::hash64(memory)));
    write("told", policy::told_fields({at_, {}}));
    decide(recovery_.begin(at_));
    kept_ = recovery_;
  }

  int draw(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  policy::Event any() {
    const int generation = recovery_.generation() - (draw(10) == 0 ? 1 : 0);
    const int node = draw(nodes);
    switch (draw(16)) {
      case 0:
        return policy::NodeGone{node};
      case 1:
      case 2:
      case 3:
        return policy::NodeJoined{node};
      case 4:
        return policy::WorkerExited{
            .generation = generation, .node = node, .rank = node, .code = 1, .signal = {}};
      case 5:
      case 6:
        return policy::GenerationEnded{generation};
      case 7:
      case 8:
      case 9:
        return policy::Trained{generation, ++step_};
      case 10:
        return policy::Overdue{generation, {node}};
      case 11:
        return policy::Slow{generation, node, node, 1.0 + 0.1 * draw(9)};
      case 12:
        return policy::CheckpointCommitted{step_};
      case 13:
        return policy::WentOn{generation, step_};
      case 14:
        return policy::Planned{};
      default:
        return policy::Tick{};
    }
  }

  std::mt19937 random_;
  Recovery recovery_, kept_ = recovery_;
  Instant at_{1'700'000'000'000'000'000};
  policy::Step step_ = 0;
};

TEST(ReplayDecisions, whatever_was_decided_is_decided_again) {
  int takeovers = 0, forgotten = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Log log(seed);
    const auto replay = replay_decisions(log.lines);
    ASSERT_TRUE(replay.ok()) << replay.error().text();
    ASSERT_FALSE(replay->parting) << replay->parting->told << "\n"
                                  << replay->parting->logged << "\n"
                                  << replay->parting->decided;
    EXPECT_EQ(replay->decisions, log.decisions);
    EXPECT_EQ(replay->supervisors, log.takeovers + 1);
    takeovers += log.takeovers;
    forgotten += log.forgotten;
    EXPECT_EQ(replay->forgotten > 0, log.forgotten > 0);
  }
  EXPECT_GT(takeovers, 200);
  EXPECT_GT(forgotten, 20);
}

// One decision is another, is missing, or comes twice; a supervisor remembers what never was.
TEST(ReplayDecisions, says_where_a_log_parts_from_it) {
  const Log log(3);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < log.lines.size(); ++i) {
    if (log.lines[i].event == "decision") changed = i;
    if (changed > 200) break;
  }
  const auto parting = [](const std::vector<wire::Event>& lines) {
    const auto replay = replay_decisions(lines);
    EXPECT_TRUE(replay.ok());
    return replay.ok() && replay->parting ? *replay->parting : Parting{};
  };
  std::vector<wire::Event> lines = log.lines;
  lines[changed].fields[1].second = std::int64_t{77};  // its generation
  EXPECT_THAT(parting(lines).logged, HasSubstr("\"generation\":77"));
  EXPECT_EQ(parting(lines).time, lines[changed].time);

  lines = log.lines;
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(changed), lines[changed]);
  EXPECT_EQ(parting(lines).decided, "nothing");

  lines = log.lines;
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(changed));
  EXPECT_NE(parting(lines).decided, "");

  lines = log.lines;
  for (wire::Event& line : lines) {
    for (auto& [key, value] : line.fields) {
      if (key == "memory_xxh3") value = std::int64_t{5};
    }
  }
  EXPECT_THAT(parting(lines).logged, HasSubstr("remembers something else"));
}

TEST(ReplayDecisions, of_a_log_without_what_was_told_there_is_none) {
  const auto replay = replay_decisions({{"t", "decision", {{"action", std::string("stop")}}}});
  ASSERT_FALSE(replay.ok());
  EXPECT_EQ(replay.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace celere::life
