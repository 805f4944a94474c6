// Trainings of a tiny model on a small corpus, through the whole loop.
#include "train/trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "checkpoint/reader.hpp"
#include "train/test_training.hpp"

namespace celere::train {
namespace {

class TrainerTest : public TrainingTest {
 protected:
  struct Training {
    Outcome outcome;
    at::Tensor weights;
    std::vector<wire::StepMetrics> metrics;
  };

  // In the run directory `name`, up to a step, from whatever is there.
  Training train(const std::string& name, const spec::Run& run, std::int64_t stop_after = -1,
                 const std::function<void(nn::Parameters&)>& meddle = {}) {
    const wire::RunDirectory directory{folder_ + "/" + name};
    EXPECT_TRUE(files_->make_folder(directory.folder).ok());
    auto recorder = Recorder::open(*files_, clock_, directory, [](const std::string&) {});
    EXPECT_TRUE(recorder.ok()) << recorder.error().text();
    const spec::Catalog catalog(*files_, {});
    auto setup = make_setup(run, catalog);
    EXPECT_TRUE(setup.ok()) << setup.error().text();
    auto trainer = Trainer::make(
        *std::move(setup),
        {.directory = directory, .corpus = folder_ + "/corpus", .stop_after = stop_after},
        {mesh_, peers_, *files_, *storage_, clock_, *recorder});
    EXPECT_TRUE(trainer.ok()) << trainer.error().text();
    if (meddle) meddle(const_cast<nn::Parameters&>((*trainer)->parameters()));  // NOLINT: a test
    std::atomic<bool> stop = false;
    auto outcome = (*trainer)->run(stop);
    EXPECT_TRUE(outcome.ok()) << outcome.error().text();
    auto metrics = wire::read_metrics(*files_, directory.metrics());
    EXPECT_TRUE(metrics.ok()) << metrics.error().text();
    return {*outcome, (*trainer)->parameters().copied_values(), *std::move(metrics)};
  }

  nn::Mesh mesh_;
  checkpoint::NoPeers peers_;
};

TEST_F(TrainerTest, twice_is_equal_to_the_bit) {
  const Training a = train("a", parsed(1280, 0.01)), b = train("b", parsed(1280, 0.01));
  EXPECT_EQ(a.outcome.ended, Ended::done);
  EXPECT_EQ(a.outcome.steps, 10);  // 1,280 tokens, 128 a step
  EXPECT_TRUE(at::equal(a.weights, b.weights));
}

// Stopped anywhere and gone on with, a training ends with the same bits: weights, optimizer, data,
// rates all come back. 7 lies between two saves of the plan (4 and 8): stopping saves too.
TEST_F(TrainerTest, stops_and_goes_on_to_the_same_bits) {
  const Training whole = train("whole", parsed(1280, 0.01));
  for (const std::int64_t stop : {1, 4, 7}) {
    const std::string name = fmt::format("stop-{}", stop);
    const Training first = train(name, parsed(1280, 0.01), stop);
    EXPECT_EQ(first.outcome.ended, Ended::stopped);
    EXPECT_EQ(first.outcome.steps, stop);
    const Training second = train(name, parsed(1280, 0.01));
    EXPECT_EQ(second.outcome.ended, Ended::done);
    EXPECT_TRUE(at::equal(second.weights, whole.weights)) << stop;
    ASSERT_EQ(second.metrics.size(), 10U);
    EXPECT_EQ(second.metrics.back().loss, whole.metrics.back().loss);
  }
}

// The newest checkpoint spoiled, the one before is taken, and the end is the same.
TEST_F(TrainerTest, goes_back_to_the_last_good_checkpoint) {
  const Training whole = train("whole", parsed(1280, 0.01));
  (void)train("spoiled", parsed(1280, 0.01), 9);
  const auto all = checkpoint::committed(*storage_, folder_ + "/spoiled/checkpoints");
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front().step, 9);
  for (const std::string& name : files_->list(all.front().folder)) {
    if (!name.ends_with(".safetensors")) continue;
    std::string content = *files_->read(all.front().folder + "/" + name);
    content[content.size() - 5] ^= 1;
    ASSERT_TRUE(files_->write(all.front().folder + "/" + name, content).ok());
  }
  const Training again = train("spoiled", parsed(1280, 0.01));
  EXPECT_TRUE(at::equal(again.weights, whole.weights));
  const auto events = wire::read_events(*files_, folder_ + "/spoiled/events.jsonl");
  ASSERT_TRUE(events.ok());
  EXPECT_THAT(*events,
              testing::Contains(testing::Field(&wire::Event::event, "checkpoint_refused")));
}

// One batch's worth of questions again and again is learned by heart: from ln 400 = 6 to near zero.
TEST_F(TrainerTest, overfits) {
  spec::Run run = parsed(64000, 0.02);
  const Training t = train("overfit", run);
  EXPECT_LT(*t.metrics.back().loss, 0.2);
  EXPECT_GT(*t.metrics.front().loss, 4);
}

// A weight that is not a number stops the training at once, by step, samples and layer, and nothing
// is saved after it.
TEST_F(TrainerTest, stops_at_what_is_not_a_number) {
  (void)train("nan", parsed(1280, 0.01), 4);
  const Training t = train("nan", parsed(1280, 0.01), -1, [](nn::Parameters& parameters) {
    parameters["layers.1.mlp.w2"].value.detach()[1][2] = std::nan("");
  });
  EXPECT_EQ(t.outcome.ended, Ended::not_finite);
  EXPECT_EQ(t.outcome.steps, 4);
  EXPECT_THAT(t.outcome.message, testing::HasSubstr("step 5, micro-batch 0 (samples 32 to 39)"));
  EXPECT_THAT(t.outcome.message, testing::HasSubstr("first in layer 1"));
  const auto newest = checkpoint::newest_good(*storage_, folder_ + "/nan/checkpoints");
  ASSERT_TRUE(newest.checkpoint);
  EXPECT_EQ(newest.checkpoint->manifest().step, 4);
}

// A rate that throws a weight beyond all numbers in the very step behind which a save is due: the
// loss and the gradient of that step were fine, but what it made is not saved.
TEST_F(TrainerTest, weights_that_are_no_numbers_are_not_saved) {
  spec::Run run = parsed(1280, 0.01);
  (void)train("weights", run, 7);
  run.schedule.learning_rate = run.schedule.embedding_learning_rate = 1e38;
  run.schedule.muon.learning_rate = 1e38;
  run.schedule.weight_decay = 1e3;
  const Training t = train("weights", run, 8);
  EXPECT_EQ(t.outcome.ended, Ended::not_finite);
  EXPECT_EQ(t.outcome.steps, 8);
  EXPECT_THAT(t.outcome.message, testing::HasSubstr("behind step 8; it was not saved"));
  const auto events = wire::read_events(*files_, folder_ + "/weights/events.jsonl");
  ASSERT_TRUE(events.ok());
  const auto said = std::find_if(events->begin(), events->end(), [](const wire::Event& event) {
    return event.event == "not_finite";
  });
  ASSERT_NE(said, events->end());
  EXPECT_EQ(wire::number_of(*said, "step"), 8) << "the batch of this step is to be skipped";
  const auto newest = checkpoint::newest_good(*storage_, folder_ + "/weights/checkpoints");
  ASSERT_TRUE(newest.checkpoint);
  EXPECT_EQ(newest.checkpoint->manifest().step, 7);
}

// Micro-batches are a matter of memory: with 3 + 3 + 2 sequences or all 8 at once the loss is the
// same but for rounding.
TEST_F(TrainerTest, micro_batches_do_not_change_the_loss) {
  spec::Run run = parsed(1280, 0.01);
  const Training three = train("three", run);
  run.layout.micro_batch = 8;
  const Training eight = train("eight", run);
  EXPECT_NEAR(*three.metrics.front().loss, *eight.metrics.front().loss, 1e-5);
  EXPECT_NEAR(*three.metrics.back().loss, *eight.metrics.back().loss, 1e-3);
}

TEST_F(TrainerTest, refuses_what_it_cannot_do_well) {
  const spec::Catalog catalog(*files_, {});
  spec::Run run = parsed(1280, 0.01);
  run.layout.tp = 3;
  auto setup = make_setup(run, catalog);
  ASSERT_FALSE(setup.ok());
  EXPECT_THAT(setup.error().message, testing::HasSubstr("layout.tp"));
  run = parsed(1280, 0.01);
  run.precision = spec::Precision::fp8;
  setup = make_setup(run, catalog);
  ASSERT_FALSE(setup.ok());
  EXPECT_THAT(setup.error().message, testing::HasSubstr("train.precision: fp8"));
  run = parsed(1280, 0.01);
  run.data.reset();
  EXPECT_FALSE(make_setup(run, catalog).ok());
}

// GPT-2's 124 million parameters know nothing at first: ln 50257 = 10.82, and logits of deviation
// 0.02 sqrt(768) = 0.55 add 0.55^2 / 2 = 0.15. Twenty steps teach which 400 tokens the corpus has:
// at ln 400 = 5.99 nothing more is known than that. A micro-batch that is computed twice, by many
// threads and products of real size, has the same bits.
TEST_F(TrainerTest, twenty_steps_of_gpt2) {
  const auto content = files_->read("examples/gpt2-124m.toml");
  ASSERT_TRUE(content.ok()) << content.error().text();
  auto run = spec::parse_run(*content, "examples/gpt2-124m.toml");
  ASSERT_TRUE(run.ok()) << run.error().text();
  // On the texts of this test, in small steps, on a cluster that the catalogue has.
  run->data = parsed(1280, 0.01).data;
  run->cluster_name = "eos-h100";
  run->precision_auto = false;
  run->precision = spec::Precision::fp32;
  run->sequence = 64;
  run->batch.phases.back().sequences = 4;
  run->tokens = Tokens::of(20 * 4 * 64);
  run->schedule.warmup = {.steps = 5};
  run->check_every = 5;
  const Training training = train("gpt2", *run);
  EXPECT_EQ(training.outcome.ended, Ended::done) << training.outcome.message;
  ASSERT_EQ(training.metrics.size(), 20u);
  EXPECT_NEAR(training.metrics.front().loss.value_or(0), 10.97, 0.15);
  EXPECT_LT(training.metrics.back().loss.value_or(99), 5.99);
}

}  // namespace
}  // namespace celere::train
