// Faults on purpose, and who is found to be wrong.
#include "spec/layout_wish.hpp"
#include "train/check.hpp"
#include "train/test_ranks.hpp"

namespace celere::train {
namespace {

class FaultsTest : public SupervisedTest {
 protected:
  // So many replicas, of which one is given a fault behind its second step.
  Ranks with_fault(const std::string& name, int replicas, int rank, const wire::Fault& fault,
                   std::int64_t check_every) {
    Ranks ranks = start({.directory = name,
                         .run = run_of(40, check_every),
                         .at = {.layout = fmt::format("dp={}", replicas)}},
                        replicas);
    ranks[static_cast<std::size_t>(rank)]->reaches(2);
    ranks[static_cast<std::size_t>(rank)]->order(fault);
    return ranks;
  }
  struct Named {
    std::int64_t step, rank;
    std::string kind;
    bool sure;
    friend bool operator==(const Named&, const Named&) = default;
  };
  static std::vector<Named> named(Rank& rank) {
    std::vector<Named> out;
    for (const wire::Event& event : rank.events("mismatch")) {
      out.push_back({number_of(event, "step").value(), number_of(event, "rank").value(),
                     text_of(event, "check"), std::get<bool>(*wire::find_field(event, "sure"))});
    }
    return out;
  }
};

// One rank's NaN comes to all by the sum, and all end in that step.
TEST_F(FaultsTest, a_nan_ends_the_training_and_is_not_saved) {
  Ranks ranks = with_fault("nan", 2, 1, wire::NanFault{}, 0);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->ended, Ended::not_finite);
  EXPECT_EQ(ranks[1]->outcome()->ended, Ended::not_finite);
  EXPECT_LE(newest_step("nan"), outcome->steps);
  ASSERT_EQ(ranks[0]->events("not_finite").size(), 1u);
}

// A bit of a weight, and a bit of a gradient behind the sum, on one of three: the check behind that
// very step names it and no other, and nothing is saved from there on. Bit 20 of a float is in its
// mantissa: nothing but a comparison sees it.
TEST_F(FaultsTest, a_flipped_bit_is_named_by_the_majority) {
  for (const bool in_weight : {true, false}) {
    const std::string name = in_weight ? "weight" : "gradient";
    Ranks ranks = with_fault(name, 3, 1,
                             wire::FlipBitFault{.in_weight = in_weight, .which = 32 * 777 + 20}, 1);
    const Result<Outcome> outcome = finish(ranks);
    ASSERT_TRUE(outcome.ok()) << outcome.error().text();
    EXPECT_EQ(outcome->ended, Ended::mismatch);
    EXPECT_EQ(named(*ranks[0]), (std::vector<Named>{{outcome->steps, 1, "replicas", true}}));
    EXPECT_LT(newest_step(name), outcome->steps);
    EXPECT_EQ(ranks[0]->events("check_clean").size(), static_cast<std::size_t>(outcome->steps) - 1);
  }
}

TEST_F(FaultsTest, two_copies_cannot_tell_who_is_right) {
  Ranks ranks = with_fault("both", 2, 1, wire::FlipBitFault{.in_weight = true, .which = 20}, 1);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->ended, Ended::mismatch) << outcome->message;
  const std::int64_t step = outcome->steps;
  EXPECT_EQ(named(*ranks[0]),
            (std::vector<Named>{{step, 0, "replicas", false}, {step, 1, "replicas", false}}));
}

// Rank 1 computes the repeat of its third check with one gradient a little larger: it is named,
// though all copies agree.
TEST_F(FaultsTest, one_that_differs_from_itself_is_named) {
  TestHooks wrong;
  int checks = 0;
  wrong.zeroed = [&](nn::Parameters& parameters, bool in_check) {
    if (in_check && ++checks == 6) parameters.buckets().back()->gradients()[3] = 1e-3;
  };
  EXPECT_TRUE(files_->make_folder(folder_ + "/repeat").ok());
  Wanted wanted{.directory = "repeat", .run = run_of(10, 2), .at = {.layout = "dp=3"}};
  wanted.at.meeting = new_meeting();
  Ranks ranks;
  for (int rank = 0; rank < 3; ++rank) {
    wanted.at.rank = rank;
    wanted.hooks = rank == 1 ? &wrong : nullptr;
    ranks.push_back(std::make_unique<Rank>(*this, wanted));
  }
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->ended, Ended::mismatch);
  EXPECT_EQ(named(*ranks[0]), (std::vector<Named>{{6, 1, "repeat", true}}));
}

// Checks behind every step leave no trace: the training ends with the same bits, under layouts of
// every kind, and finds nothing.
TEST_F(FaultsTest, checks_leave_no_trace) {
  const std::pair<const char*, int> layouts[] = {
      {"dp=1", 1},
      {"dp=2", 2},
      {"dp=2,zero_stage=1", 2},
      {"dp=2,tp=2,zero_stage=2,sequence_parallel=true", 4},
      {"dp=4,zero_stage=3", 4},
      {"pp=2,vpp=1,dp=2,zero_stage=1", 4},
      {"cp=2,tp=2", 4}};
  for (const auto& [layout, count] : layouts) {
    SCOPED_TRACE(layout);
    for (const std::int64_t every : {0, 1}) {
      Ranks ranks = start({.directory = fmt::format("{} {}", layout, every),
                           .run = run_of(5, every),
                           .at = {.layout = layout}},
                          count);
      const Result<Outcome> outcome = finish(ranks);
      ASSERT_TRUE(outcome.ok()) << outcome.error().text();
      EXPECT_EQ(outcome->ended, Ended::done) << outcome->message;
      EXPECT_EQ(ranks[0]->events("check_clean").size(), every == 0 ? 0u : 5u);
    }
    EXPECT_EQ(stored(fmt::format("{} 0", layout)), stored(fmt::format("{} 1", layout)));
  }
}

// Of three ranks the last has one bit of its optimizer's state turned over: it alone is named, by
// what differs.
TEST_F(FaultsTest, optimizer_state_is_held_against_its_copies) {
  const spec::Catalog catalog(*files_, {});
  spec::Run run = run_of(10);
  run.layout = *spec::parse_layout_text("micro_batch=1,dp=3");
  const train::Setup setup = *make_setup(run, catalog);
  const nn::Meeting meeting = nn::Meeting::in_process();
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < 3; ++rank) {
    ranks.emplace_back([&, rank] {
      const nn::Mesh mesh =
          *nn::Mesh::make(meeting, setup.layout, {.rank = rank, .kv_heads = 2, .interface = "lo"});
      nn::Parameters parameters(setup.model, setup.types, at::kCPU, mesh);
      parameters.initialise(setup.model, 7);
      const nn::Optimizer optimizer(setup.run.optimizer, setup.run.schedule, parameters, nullptr);
      EXPECT_TRUE(check_replicas(parameters, optimizer, 2)->empty());
      const nn::Optimizer::State state = optimizer.state().back();
      if (rank == 2) state.flat.mutable_data_ptr<float>()[0] = 1e-30F;
      const auto found = *check_replicas(parameters, optimizer, 2);
      ASSERT_EQ(found.size(), 1u);
      EXPECT_EQ(found[0].rank, 2);
      EXPECT_TRUE(found[0].sure);
      EXPECT_THAT(found[0].detail, testing::StartsWith("optimizer state of "));
    });
  }
  for (std::thread& rank : ranks) rank.join();
}

// Two saves of rank 1 find no space and fail for both ranks; those after are there.
TEST_F(FaultsTest, a_full_disk_takes_two_saves) {
  Ranks ranks = with_fault("full", 2, 1, wire::DiskFullFault{.saves = 2}, 0);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  const auto failed = ranks[0]->events("checkpoint_failed");
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_THAT(text_of(failed[0], "error"), testing::HasSubstr("No space left"));
  EXPECT_EQ(newest_step("full"), 40);
}

// The last save fails too: that is this training's own affair, and nobody waits for an order (a
// minute long).
TEST_F(FaultsTest, a_disk_that_stays_full_is_an_error_at_once) {
  const Instant begin = clock_.now();
  Ranks ranks = with_fault("stays", 2, 1, wire::DiskFullFault{.saves = 1000}, 0);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text(), testing::HasSubstr("No space left"));
  EXPECT_LT(clock_.now() - begin, 30_s);
}

// Of 3 claims one is odd; of 5 two are, in two ways; of 4 there is no majority.
TEST(Judge, names_whom_the_most_are_against) {
  const auto claims = [](std::vector<std::uint64_t> hashes) {
    std::vector<Claim> out;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      out.push_back({.rank = static_cast<int>(i), .thing = 9, .hash = hashes[i], .unit = 2});
    }
    return out;
  };
  const auto ranks = [](const std::vector<Mismatch>& found) {
    std::vector<std::pair<int, bool>> out;
    for (const Mismatch& one : found) out.emplace_back(one.rank, one.sure);
    return out;
  };
  using Found = std::vector<std::pair<int, bool>>;
  EXPECT_EQ(ranks(judge(claims({7}), 4)), Found{});
  EXPECT_EQ(ranks(judge(claims({7, 7, 7}), 4)), Found{});
  EXPECT_EQ(ranks(judge(claims({7, 8, 7}), 4)), (Found{{1, true}}));
  EXPECT_EQ(ranks(judge(claims({8, 7, 7, 6, 7}), 4)), (Found{{0, true}, {3, true}}));
  EXPECT_EQ(ranks(judge(claims({8, 7, 7, 8}), 4)),
            (Found{{0, false}, {1, false}, {2, false}, {3, false}}));
  EXPECT_EQ(ranks(judge(claims({8, 7}), 4)), (Found{{0, false}, {1, false}}));
  EXPECT_EQ(judge(claims({7, 8, 7}), 4)[0].detail,
            "weights of layer 2: differ from those of 2 of 3 ranks that hold the same");
  EXPECT_THAT(judge(claims({7, 8}), 4)[0].detail,
              testing::HasSubstr("two cannot tell who is right"));
}

// Each question is a millisecond of work: the clock of a processor that does nothing else.
class Milliseconds final : public CpuTime {
 public:
  Seconds used() const override { return Seconds::of(1e-3 * ++asked_); }
  int asked() const { return asked_; }

 private:
  mutable int asked_ = 0;
};

// A step that computes 100 ms, 1.5 times as long: 50 ms more, for two steps, although the second
// one's time has what was added to the first in it.
TEST(FaultySteps, a_slow_one_works_in_proportion) {
  const ManualClock clock;
  const Milliseconds time;
  FaultySteps steps(clock, time);
  steps.step_begins(0.1_s);
  EXPECT_EQ(time.asked(), 0);
  steps.add(wire::SlowFault{.factor = 1.5, .steps = 2, .time_s = {}});
  int before = time.asked();
  steps.step_begins(0.1_s);
  EXPECT_NEAR(time.asked() - before, 50, 2);
  before = time.asked();
  steps.step_begins(0.15_s);
  EXPECT_NEAR(time.asked() - before, 50, 2);
  before = time.asked();
  steps.step_begins(0.15_s);
  EXPECT_EQ(time.asked() - before, 0);
}

}  // namespace
}  // namespace celere::train
