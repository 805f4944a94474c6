// Trainings over ranks that are threads, through the whole loop: their checkpoints go on under any
// layout, bit for bit, and what fails on one rank fails for all and loses nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "checkpoint/test_storage.hpp"
#include "spec/layout_wish.hpp"
#include "train/generations.hpp"
#include "train/test_training.hpp"

namespace celere::train {
namespace {

class RanksTest : public TrainingTest {
 protected:
  struct Training {
    Outcome outcome;
    std::string error;  // of the rank that had one
    std::vector<wire::StepMetrics> metrics;
  };

  // In the run directory `name`, from whatever is there, by as many ranks as the layout has.
  // `disk_of_last`: of the last rank, where it has one of its own.
  Training train(const std::string& name, const std::string& layout, std::int64_t stop_after = -1,
                 checkpoint::Storage* disk_of_last = nullptr) {
    spec::Run run = parsed(1280, 0.01);
    run.layout = *spec::parse_layout_text("micro_batch=1," + layout);
    const wire::RunDirectory directory{folder_ + "/" + name};
    EXPECT_TRUE(files_->make_folder(directory.folder).ok());
    const auto count = static_cast<int>(spec::layout_of(run.layout).ranks());
    const std::string meeting = new_meeting();
    const spec::Catalog catalog(*files_, {});
    RankOptions options;
    options.run = run;
    options.trainer = {
        .directory = directory, .corpus = folder_ + "/corpus", .stop_after = stop_after};
    const std::atomic<bool> stop = false;
    Training ended;
    std::mutex mutex;
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < count; ++rank) {
      ranks.emplace_back([&, rank] {
        at::set_num_threads(1);
        const bool own_disk = disk_of_last != nullptr && rank == count - 1;
        const RankWorld world{.catalog = catalog,
                              .files = *files_,
                              .storage = own_disk ? *disk_of_last : *storage_,
                              .clock = clock_,
                              .say = [](const std::string&) {}};
        const Result<Outcome> outcome =
            train_rank(options, world, {.rank = rank, .meeting = meeting}, stop);
        const std::lock_guard lock(mutex);
        if (!outcome.ok()) {
          ended.error = outcome.error().text();
        } else if (rank == 0) {
          ended.outcome = *outcome;
        }
      });
    }
    for (std::thread& rank : ranks) rank.join();
    const auto metrics = wire::read_metrics(*files_, directory.metrics());
    if (metrics.ok()) ended.metrics = *metrics;
    return ended;
  }
};

constexpr const char* layouts[] = {
    "dp=1",
    "dp=2",
    "dp=2,zero_stage=1",
    "dp=2,tp=2,zero_stage=2,sequence_parallel=true",
    "dp=4,zero_stage=3",
    "pp=2,vpp=1,dp=2,zero_stage=1",
    "cp=2,tp=2",
};

// Nine samples for three replicas in micro-batches of two: six of each turn, so two turns, in which
// three sequences fill up and do not count. Turn t of replica r has samples (3 t + r) 2 and the
// next.
TEST_F(RanksTest, a_batch_is_cut_and_filled_up) {
  const tokens::Dataset dataset = *tokens::Dataset::open(
      *files_, folder_ + "/corpus",
      {.sequence = 16, .packing = tokens::Packing::whole, .loss_on = tokens::LossOn::answers});
  const GlobalBatch alone = make_batch(dataset, {}, {4, 9}, {.micro_batch = 9}, 0);
  std::int64_t counted = 0;
  for (std::int64_t replica = 0; replica < 3; ++replica) {
    const GlobalBatch cut = make_batch(
        dataset, {}, {4, 9}, {.micro_batch = 2, .replicas = 3, .replica = replica, .turns = 2}, 0);
    ASSERT_EQ(cut.micro_batches.size(), 2u);
    counted += cut.counted;
    for (std::size_t turn = 0; turn < 2; ++turn) {
      for (std::int64_t j = 0; j < 2; ++j) {
        const std::int64_t sample = (static_cast<std::int64_t>(turn) * 3 + replica) * 2 + j;
        if (sample >= 9) continue;
        const auto tokens_of = [](const nn::Batch& batch, std::int64_t sequence) {
          return batch.tokens.narrow(0, 16 * sequence, 16);
        };
        EXPECT_TRUE(at::equal(tokens_of(cut.micro_batches[turn], j),
                              tokens_of(alone.micro_batches[0], sample)))
            << sample;
      }
    }
  }
  EXPECT_EQ(counted, alone.counted);
}

// Four steps by one layout, then three by each: the data go on where they stopped, and the losses
// as those of one rank, but for rounding. (nn/stored_test.cpp has that what is loaded is what was
// saved.)
TEST_F(RanksTest, goes_on_under_any_layout) {
  const Training whole = train("whole", "dp=1", 7);
  for (const char* first : {"dp=4,zero_stage=3", "dp=2,tp=2,zero_stage=2,sequence_parallel=true"}) {
    (void)train("first", first, 4);
    for (const char* layout : layouts) {
      const std::string name = std::string("then ") + layout;
      std::filesystem::remove_all(folder_ + "/" + name);
      std::filesystem::copy(folder_ + "/first", folder_ + "/" + name,
                            std::filesystem::copy_options::recursive);
      const Training then = train(name, layout, 7);
      EXPECT_EQ(then.error, "") << layout;
      ASSERT_EQ(then.metrics.size(), 7u) << layout;
      EXPECT_EQ(then.metrics.back().samples, whole.metrics.back().samples);
      EXPECT_NEAR(*then.metrics.back().loss, *whole.metrics.back().loss, 2e-4) << layout;
    }
    std::filesystem::remove_all(folder_ + "/first");
  }
}

// Under the same layout a training that stops and goes on ends with the same bits.
TEST_F(RanksTest, stops_and_goes_on_to_the_same_bits) {
  for (const char* layout : {"dp=2,tp=2,zero_stage=2,sequence_parallel=true",
                             "pp=2,dp=2,zero_stage=1", "dp=2,cp=2,zero_stage=3"}) {
    (void)train(std::string("whole ") + layout, layout);
    const std::string name = std::string("parts ") + layout;
    (void)train(name, layout, 5);
    EXPECT_EQ(train(name, layout).outcome.ended, train::Ended::done);
    EXPECT_EQ(stored(name), stored(std::string("whole ") + layout)) << layout;
  }
}

// The last rank's disk takes one save: the training goes on to its end, says what failed and where,
// and what was committed stays the newest.
TEST_F(RanksTest, a_full_disk_of_one_rank_loses_nothing) {
  checkpoint::SmallDisk disk;
  disk.room = 450000;  // a save takes 250 to 300 thousand of a rank
  const Training training = train("full", "dp=2,zero_stage=1", -1, &disk);
  EXPECT_EQ(training.metrics.size(), 10u);
  EXPECT_THAT(training.error, testing::HasSubstr("rank 1: "));
  EXPECT_THAT(training.error, testing::HasSubstr("No space left"));
  const auto events = wire::read_events(*files_, folder_ + "/full/events.jsonl");
  ASSERT_TRUE(events.ok());
  EXPECT_THAT(*events, testing::Contains(testing::Field(&wire::Event::event, "checkpoint_failed")));
  const auto newest = checkpoint::newest_good(*storage_, folder_ + "/full/checkpoints");
  ASSERT_TRUE(newest.checkpoint);
  EXPECT_EQ(newest.checkpoint->manifest().step, 4);
  EXPECT_TRUE(newest.refused.empty());
}

}  // namespace
}  // namespace celere::train
