// A process that saves in a loop is killed at random moments. Beside the checkpoints it keeps a log
// of what it was told is committed, one step a line, written after the writer said so: all that
// stands there (as far as retention keeps it) must load, and so must whatever else is committed.
// Copies in memory outlive the process in whatever state the kill left them: none is believed that
// is not the file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "checkpoint/reader.hpp"
#include "checkpoint/test_storage.hpp"
#include "checkpoint/writer.hpp"

namespace celere::checkpoint {
namespace {

constexpr int keep = 3;

// Large enough that a kill falls into the writing of a file.
std::vector<OwnedTensor> model_of(std::int64_t step) {
  const auto seed = static_cast<std::uint64_t>(step);
  return {random_tensor("a", DataType::f32, {40, 1000}, seed),
          random_tensor("b", DataType::bf16, {3, 5}, seed)};
}

class Crash : public FolderTest {
 protected:
  // Never returns: saves until it is killed.
  [[noreturn]] void save_forever(std::int64_t first) {
    const SystemClock clock;
    auto writer = CheckpointWriter::open({.folder = folder_ + "/checkpoints",
                                          .about = {},
                                          .keep = keep,
                                          .memory = {.folder = folder_ + "/memory"}},
                                         clock, *storage_);
    if (!writer.ok()) std::quick_exit(2);
    const int log = ::open((folder_ + "/told").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    for (std::int64_t step = first;; ++step) {
      const auto model = model_of(step);
      if (!(*writer)->save(step, views_of(model), {{"cursor", step}}).ok()) std::quick_exit(3);
      if ((*writer)->wait()->failed) std::quick_exit(4);
      const std::string line = std::to_string(step) + "\n";
      if (::write(log, line.data(), line.size()) < 0) std::quick_exit(5);
    }
  }

  std::int64_t last_told() const {
    const auto text = storage_->files().read(folder_ + "/told");
    std::int64_t last = 0, number = 0;
    if (!text.ok()) return 0;
    for (const char letter : *text) {
      if (letter == '\n') {
        last = number;
        number = 0;
      } else {
        number = number * 10 + (letter - '0');
      }
    }
    return last;
  }

  // Everything that is committed loads; the steps, newest first.
  std::vector<std::int64_t> checked() {
    std::vector<std::int64_t> steps;
    for (const Committed& each : committed(*storage_, folder_ + "/checkpoints")) {
      const auto checkpoint =
          Checkpoint::open(*storage_, each.folder, {.memories = {folder_ + "/memory"}});
      EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().text();
      if (!checkpoint.ok()) continue;
      EXPECT_EQ(*checkpoint->state_integer("cursor"), each.step);
      from_memory_ += checkpoint->sources().memory_bytes > 0;
      passed_over_ += !checkpoint->sources().passed_over.empty();
      for (const OwnedTensor& tensor : model_of(each.step)) {
        std::vector<std::byte> bytes(tensor.bytes.size());
        EXPECT_TRUE(checkpoint->read(tensor.name, bytes).ok());
        EXPECT_EQ(bytes, tensor.bytes) << each.folder;
      }
      steps.push_back(each.step);
    }
    return steps;
  }

  int from_memory_ = 0, passed_over_ = 0;  // checkpoints whose copy was good, or was not
};

TEST_F(Crash, at_any_moment_loses_nothing_that_was_committed) {
  const auto seed = static_cast<std::uint64_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Prng prng(seed, 0);
  std::int64_t newest = 0, leftovers = 0;
  const SystemClock clock;
  Seconds save_time;
  for (int kill = 0; kill < 40; ++kill) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    // Every other child saves the newest step again.
    if (child == 0) save_forever(newest + 1 - (kill % 2 == 1 && newest > 0 ? 1 : 0));
    // The first lives until it has saved something, which says how long a save takes here; the
    // others are killed within the time of three.
    const Instant begin = clock.now();
    while (kill == 0 && last_told() == 0 && ::waitpid(child, nullptr, WNOHANG) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (kill == 0) save_time = clock.now() - begin;
    const double most_s = std::min(3 * save_time.in_base(), 0.3);
    std::this_thread::sleep_for(std::chrono::duration<double>(most_s * prng.uniform()));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
    const std::vector<std::int64_t> steps = checked();
    const std::int64_t told = last_told();
    ASSERT_TRUE(told == 0 || !steps.empty());
    if (steps.empty()) continue;
    // One more than was told may be committed: the kill came between rename and log.
    ASSERT_GE(steps.front(), told);
    ASSERT_GE(static_cast<std::int64_t>(steps.size()), std::min<std::int64_t>(keep, told));
    for (std::size_t i = 1; i < steps.size(); ++i) ASSERT_EQ(steps[i], steps[i - 1] - 1);
    newest = steps.front();
    // The copy of what is committed, and of what the kill broke off.
    ASSERT_LE(storage_->files().list(folder_ + "/memory").size(), 3u);
    leftovers += static_cast<std::int64_t>(storage_->files().list(folder_ + "/checkpoints").size() -
                                           steps.size());
  }
  EXPECT_GE(newest, 1);  // the children did save
  EXPECT_GT(from_memory_, 0);
  RecordProperty("copies_passed_over", passed_over_);
  EXPECT_GT(leftovers, 0);  // and some were killed in the middle of it
  ASSERT_TRUE(
      CheckpointWriter::open({.folder = folder_ + "/checkpoints", .about = {}}, clock, *storage_)
          .ok());
  EXPECT_EQ(storage_->files().list(folder_ + "/checkpoints").size(), checked().size());
}

}  // namespace
}  // namespace celere::checkpoint
