#include "checkpoint/writer.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>

#include "checkpoint/reader.hpp"
#include "checkpoint/retention.hpp"
#include "checkpoint/test_storage.hpp"

namespace celere::checkpoint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Writer : public FolderTest {
 protected:
  std::unique_ptr<CheckpointWriter> open(int keep = 3, std::int64_t keep_every = 0) {
    auto writer = CheckpointWriter::open(
        {.folder = folder_,
         .about = {.code_version = "v", .model = "m", .inventory = "i", .layout = "dp=1"},
         .keep = keep,
         .keep_every = keep_every},
        clock_, disk_);
    EXPECT_TRUE(writer.ok()) << writer.error().text();
    return std::move(writer).value();
  }

  SaveReport saved(CheckpointWriter& writer, std::int64_t step) {
    const auto model = small_model(static_cast<std::uint64_t>(step));
    const Status status = writer.save(step, views_of(model), {{"cursor", step * 8}});
    EXPECT_TRUE(status.ok()) << status.error().text();
    return *writer.wait();
  }

  // The steps that load and hold what was saved, newest first; others fail the test.
  std::vector<std::int64_t> good_steps() {
    std::vector<std::int64_t> steps;
    for (const Committed& each : committed(disk_, folder_)) {
      const auto checkpoint = Checkpoint::open(disk_, each.folder, Verify::deep);
      EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().text();
      if (!checkpoint.ok()) continue;
      EXPECT_EQ(*checkpoint->state_integer("cursor"), each.step * 8);
      for (const OwnedTensor& tensor : small_model(static_cast<std::uint64_t>(each.step))) {
        std::vector<std::byte> bytes(tensor.bytes.size());
        EXPECT_TRUE(checkpoint->read(tensor.name, bytes).ok());
        EXPECT_EQ(bytes, tensor.bytes);
      }
      steps.push_back(each.step);
    }
    return steps;
  }

  ManualClock clock_;
  SmallDisk disk_;
};

TEST_F(Writer, saves_what_reads_back) {
  const auto writer = open();
  EXPECT_FALSE(writer->last().has_value());
  const SaveReport report = saved(*writer, 10);
  EXPECT_FALSE(report.failed.has_value());
  EXPECT_EQ(report.step, 10);
  EXPECT_EQ(report.bytes, 10 * 6 * 4 + 7 * 2 + 8);
  EXPECT_EQ(writer->committed(), 10);
  EXPECT_THAT(good_steps(), ElementsAre(10));
  EXPECT_THAT(disk_.files().list(folder_ + "/step-000000010"),
              ElementsAre("manifest.json", "rank-00000.safetensors"));
}

// What is saved is what the tensors held when save() returned.
TEST_F(Writer, lets_tensors_change_as_soon_as_save_returns) {
  const auto writer = open();
  auto model = small_model(10);
  ASSERT_TRUE(writer->save(10, views_of(model), {{"cursor", std::int64_t{80}}}).ok());
  for (OwnedTensor& tensor : model)
    std::fill(tensor.bytes.begin(), tensor.bytes.end(), std::byte{});
  (void)writer->wait();
  EXPECT_THAT(good_steps(), ElementsAre(10));
}

TEST_F(Writer, keeps_the_last_and_each_nth) {
  const auto writer = open(2, 40);
  for (std::int64_t step = 10; step <= 110; step += 10) (void)saved(*writer, step);
  EXPECT_THAT(good_steps(), ElementsAre(110, 100, 80, 40));
}

// Of what somebody needs yet nothing is removed; of a list that cannot be read neither.
TEST_F(Writer, keeps_what_is_on_the_list) {
  const auto writer = open(2);
  ASSERT_TRUE(write_steps_to_keep(disk_.files(), folder_, {20, 40}).ok());
  for (std::int64_t step = 10; step <= 60; step += 10) (void)saved(*writer, step);
  EXPECT_THAT(good_steps(), ElementsAre(60, 50, 40, 20));
  ASSERT_TRUE(disk_.files().write(folder_ + "/keep", "20\nforty\n").ok());
  (void)saved(*writer, 70);
  EXPECT_THAT(good_steps(), ElementsAre(70, 60, 50, 40, 20));
}

// Step 30 belongs to a branch that the training left when it went back to 10.
TEST_F(Writer, removes_nothing_of_later_steps) {
  const auto writer = open(1);
  (void)saved(*writer, 30);
  (void)saved(*writer, 10);
  (void)saved(*writer, 20);
  EXPECT_THAT(good_steps(), ElementsAre(30, 20));
}

// Broken ones do not count among the kept, and stay for a person to look at.
TEST_F(Writer, never_removes_good_ones_for_broken_ones) {
  const auto writer = open(2);
  for (std::int64_t step : {10, 20, 30}) (void)saved(*writer, step);
  EXPECT_THAT(good_steps(), ElementsAre(30, 20));
  std::filesystem::resize_file(folder_ + "/step-000000030/rank-00000.safetensors", 100);
  (void)saved(*writer, 40);
  const auto all = committed(disk_, folder_);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].step, 40);
  EXPECT_EQ(all[1].step, 30);
  EXPECT_EQ(all[2].step, 20);
}

TEST_F(Writer, replaces_a_step_that_is_saved_again) {
  const auto writer = open();
  const auto other = small_model(999);
  ASSERT_TRUE(writer->save(10, views_of(other), {{"cursor", std::int64_t{1}}}).ok());
  (void)saved(*writer, 10);
  EXPECT_THAT(good_steps(), ElementsAre(10));
  EXPECT_THAT(disk_.files().list(folder_ + "/step-000000010"),
              ElementsAre("manifest.json", "rank-00000-2.safetensors"));
}

TEST_F(Writer, goes_on_when_the_disk_is_full_and_keeps_the_last_good_one) {
  const auto writer = open();
  (void)saved(*writer, 10);
  for (const std::int64_t room : {std::int64_t{0}, std::int64_t{300}, std::int64_t{400}}) {
    disk_.room = room;
    const SaveReport report = saved(*writer, 20);
    ASSERT_TRUE(report.failed.has_value());
    EXPECT_EQ(report.failed->text(),
              "cannot write: No space left\n  while saving the checkpoint of step 20");
    EXPECT_EQ(writer->committed(), 10);
    EXPECT_THAT(disk_.files().list(folder_), ElementsAre("step-000000010"));
    // The step that holds is not touched by a failed attempt to save it again.
    EXPECT_TRUE(saved(*writer, 10).failed.has_value());
    EXPECT_THAT(good_steps(), ElementsAre(10));
  }
  disk_.room = 1 << 20;
  EXPECT_FALSE(saved(*writer, 20).failed.has_value());
  EXPECT_THAT(good_steps(), ElementsAre(20, 10));
}

TEST_F(Writer, goes_on_when_its_folder_is_gone) {
  const auto writer = open();
  std::filesystem::remove_all(folder_);
  ASSERT_TRUE(local_files()->write(folder_, "a file in its place").ok());
  const SaveReport report = saved(*writer, 10);
  ASSERT_TRUE(report.failed.has_value());
  EXPECT_THAT(report.failed->message, HasSubstr("cannot make the folder"));
}

TEST_F(Writer, removes_what_killed_saves_left_and_nothing_else) {
  {
    const auto writer = open();
    (void)saved(*writer, 10);
  }
  Files& files = disk_.files();
  const auto make = [&](const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + path).parent_path());
    ASSERT_TRUE(files.write(folder_ + "/" + path, "x").ok());
  };
  make("step-000000010/rank-00000-2.safetensors");
  make("step-000000010/manifest.json.77.part");
  make("step-000000010/notes.txt");
  make("step-000000020/rank-00000.safetensors");
  make("step-000000030/manifest.json");  // broken: for a person to look at
  make("step-000000030/rank-00000.safetensors");
  make("step-000000040/notes.txt");
  make("other/rank-00000.safetensors");
  (void)open();
  EXPECT_THAT(files.list(folder_),
              ElementsAre("other", "step-000000010", "step-000000030", "step-000000040"));
  EXPECT_THAT(files.list(folder_ + "/step-000000010"),
              ElementsAre("manifest.json", "notes.txt", "rank-00000.safetensors"));
  EXPECT_EQ(files.list(folder_ + "/step-000000030").size(), 2u);
}

TEST_F(Writer, refuses_at_once_what_it_could_not_write) {
  const auto writer = open();
  const OwnedTensor w = random_tensor("w", DataType::f32, {4, 2}, 1);
  const auto error = [&](const std::vector<TensorView>& views, const State& state = {}) {
    const Status status = writer->save(1, views, state);
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(error({{"w", w.dtype, {4, 3}, whole({4, 3}), w.bytes}}),
            "tensor \"w\": F32 [4, 3] takes 48 bytes and has 32");
  EXPECT_EQ(error({{"w", w.dtype, {4, 2}, {{1, 0}, {4, 2}}, w.bytes}}),
            "tensor \"w\": its slice lies outside its shape [4, 2]");
  EXPECT_EQ(error({w.view(), w.view()}),
            "step 1: tensor \"w\": its pieces leave out or hold twice a part of [4, 2]");
  EXPECT_EQ(error({{"w", w.dtype, {8, 2}, {{4, 0}, {4, 2}}, w.bytes}}),
            "step 1: tensor \"w\": its pieces leave out or hold twice a part of [8, 2]");
  EXPECT_EQ(error({w.view()}, {{"x", std::string("\xff")}}), "step 1: state \"x\" is not UTF-8");
  EXPECT_FALSE(writer->last().has_value());
  EXPECT_EQ(error({w.view()}), "");
}

// A tensor in three pieces of this one process: one file, three names in it.
TEST_F(Writer, takes_several_pieces_of_a_tensor) {
  const OwnedTensor w = random_tensor("w", DataType::u8, {6}, 1);
  const OwnedTensor trap = random_tensor("w#2", DataType::u8, {1}, 1);
  const std::span<const std::byte> bytes = w.bytes;
  const std::vector<TensorView> views{{"w", w.dtype, {6}, {{2}, {3}}, bytes.subspan(2, 3)},
                                      {"w", w.dtype, {6}, {{0}, {2}}, bytes.subspan(0, 2)},
                                      {"w", w.dtype, {6}, {{5}, {1}}, bytes.subspan(5, 1)},
                                      trap.view()};
  const auto writer = open();
  ASSERT_TRUE(writer->save(1, views, {}).ok());
  ASSERT_FALSE(writer->wait()->failed.has_value());
  const auto checkpoint = Checkpoint::open(disk_, folder_ + "/step-000000001", Verify::deep);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().text();
  std::vector<std::byte> back(6);
  ASSERT_TRUE(checkpoint->read("w", back).ok());
  EXPECT_EQ(back, w.bytes);
}

// A real limit of the operating system: no file may be larger than 400 bytes, and the header of the
// small model with its 262 bytes of data is. The writing process must live on.
TEST_F(Writer, survives_a_limit_of_the_operating_system) {
  {
    const auto writer = open();
    (void)saved(*writer, 10);
  }
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 400, .rlim_max = 400};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto writer = open();
    const SaveReport report = saved(*writer, 20);
    const bool told =
        report.failed && report.failed->message.find("File too large") != std::string::npos;
    std::quick_exit(told ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(good_steps(), ElementsAre(10));
}

// A second later each time that it is asked.
class CountingClock final : public Clock {
 public:
  Instant now() const override { return {1'000'000'000 * ++asked_}; }
  Instant wall() const override { return {}; }
  void sleep(Seconds) override {}

 private:
  mutable std::atomic<std::int64_t> asked_ = 0;
};

// save() asks the clock when it begins and ends, the thread likewise: each lasts one second.
TEST_F(Writer, times_what_blocks_and_what_does_not) {
  const CountingClock clock;
  const auto writer = CheckpointWriter::open({.folder = folder_, .about = {}}, clock, disk_);
  const auto model = small_model(1);
  ASSERT_TRUE((*writer)->save(1, views_of(model), {}).ok());
  const auto report = (*writer)->wait();
  EXPECT_EQ(report->blocking, 1_s);
  EXPECT_EQ(report->writing, 1_s);
}

}  // namespace
}  // namespace celere::checkpoint
