// Ranks that are threads, each with all that a supervised worker has, for the tests of what becomes
// of them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "train/supervised.hpp"
#include "train/test_training.hpp"

namespace celere::train {

// Does nothing, or what a test says.
struct TestHooks : StepHooks {
  std::function<void()> begins;
  std::function<void(nn::Parameters&, bool)> zeroed;
  void step_begins(Seconds) override {
    if (begins) begins();
  }
  void gradients_zeroed(nn::Parameters& parameters, bool in_check) override {
    if (zeroed) zeroed(parameters, in_check);
  }
  void gradients_summed(nn::Parameters&) override {}
  void weights_updated(nn::Parameters&) override {}
};

class SupervisedTest : public TrainingTest {
 protected:
  struct Wanted {
    std::string directory;  // its name
    spec::Run run;
    Standpoint at;
    StepHooks* hooks = nullptr;  // nothing: faults by order
    std::int64_t stop_after = -1;
    std::optional<std::int64_t> from_step = {};
    std::set<std::int64_t> skipped = {};
    checkpoint::MemoryOptions memory = {};
    bool dies_alone = false;  // ends in an error at once where others would wait for an order
  };

  // One rank. It trains from the moment it is made.
  class Rank {
   public:
    Rank(SupervisedTest& test, Wanted wanted)
        : test_(test),
          wanted_(std::move(wanted)),
          base_(fmt::format("{}/{}-{}-{}", test.folder_, wanted_.directory, wanted_.at.generation,
                            wanted_.at.rank)),
          catalog_(*test.files_, {}),
          world_{.catalog = catalog_,
                 .files = *test.files_,
                 .storage = *test.storage_,
                 .clock = test.clock_,
                 .say =
                     [this](const std::string& line) {
                       const auto event = wire::parse_event(line);
                       const std::lock_guard lock(mutex_);
                       if (event.ok()) events_.push_back(*event);
                     }},
          supervised_(
              *Supervised::begin(world_, wanted_.at.rank, {base_ + ".flight", base_ + ".orders"})),
          thread_([this] { train(); }) {}
    ~Rank() {
      if (thread_.joinable()) thread_.join();
    }

    void order(const decltype(wire::Order::what)& what) {
      ++ordered_;
      EXPECT_TRUE(
          test_.files_->append(base_ + ".orders", written_json(wire::Order{ordered_, what}) + "\n")
              .ok());
      wire::FlightReader::open(base_ + ".flight")->order(ordered_);
    }
    // Until it has done so many steps.
    void reaches(std::int64_t step) const {
      const auto reader = wire::FlightReader::open(base_ + ".flight");
      for (int i = 0; i < 20000 && reader->read().pulse.step < step; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    const Result<Outcome>& outcome() {
      if (thread_.joinable()) thread_.join();
      return *outcome_;
    }
    std::vector<wire::Event> events(const std::string& name) {
      const std::lock_guard lock(mutex_);
      std::vector<wire::Event> out;
      for (const wire::Event& event : events_) {
        if (event.event == name) out.push_back(event);
      }
      return out;
    }
    wire::Flight flight() const { return wire::FlightReader::open(base_ + ".flight")->read(); }
    nn::Watch& watch() { return supervised_->watch(); }

   private:
    void train() {
      at::set_num_threads(1);
      RankOptions options;
      options.run = wanted_.run;
      options.trainer = {.directory = {test_.folder_ + "/" + wanted_.directory},
                         .corpus = test_.folder_ + "/corpus",
                         .stop_after = wanted_.stop_after,
                         .from_step = wanted_.from_step,
                         .skipped = wanted_.skipped,
                         .memory = wanted_.memory};
      options.supervised = true;
      if (wanted_.dies_alone) options.order_patience = 0_s;
      RankWorld world = supervised_->world();
      if (wanted_.hooks != nullptr) world.hooks = wanted_.hooks;
      outcome_ = train_rank(options, world, wanted_.at, test_.stop_);
    }

    SupervisedTest& test_;
    Wanted wanted_;
    std::string base_;
    std::uint64_t ordered_ = 0;
    std::mutex mutex_;
    std::vector<wire::Event> events_;
    spec::Catalog catalog_;
    RankWorld world_;
    std::unique_ptr<Supervised> supervised_;
    std::optional<Result<Outcome>> outcome_;
    std::thread thread_;  // last: it uses what stands above
  };
  using Ranks = std::vector<std::unique_ptr<Rank>>;

  // All ranks of a layout, by a new meeting.
  Ranks start(Wanted wanted, int count) {
    EXPECT_TRUE(files_->make_folder(folder_ + "/" + wanted.directory).ok());
    wanted.at.meeting = new_meeting();
    Ranks ranks;
    for (int rank = 0; rank < count; ++rank) {
      wanted.at.rank = rank;
      ranks.push_back(std::make_unique<Rank>(*this, wanted));
    }
    return ranks;
  }
  // Until all have ended; the first rank's outcome, or the first error.
  Result<Outcome> finish(Ranks& ranks) {
    std::optional<Error> error;
    for (const auto& rank : ranks) {
      if (!rank->outcome().ok() && !error) error = rank->outcome().error();
    }
    if (error) return *error;
    return ranks.front()->outcome();
  }
  std::int64_t newest_step(const std::string& directory) {
    const auto all = checkpoint::committed(*storage_, folder_ + "/" + directory + "/checkpoints");
    return all.empty() ? -1 : all.front().step;
  }
  std::vector<std::int64_t> steps_of(const std::string& directory) {
    std::vector<std::int64_t> out;
    const auto metrics = wire::read_metrics(*files_, folder_ + "/" + directory + "/metrics.jsonl");
    EXPECT_TRUE(metrics.ok());
    for (const wire::StepMetrics& one : *metrics) out.push_back(one.step);
    return out;
  }

  // Twelve samples a step: what one, two, three and four replicas share evenly.
  spec::Run run_of(int steps, std::int64_t check_every = 0) const {
    spec::Run run = parsed(192 * steps, 0.01);
    run.batch.phases.back().sequences = 12;
    run.layout.micro_batch = 1;
    run.check_every = check_every;
    return run;
  }

  std::atomic<bool> stop_ = false;
};

}  // namespace celere::train
