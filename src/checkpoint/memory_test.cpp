#include "checkpoint/memory.hpp"

#include <gmock/gmock.h>

#include "checkpoint/test_nodes.hpp"

namespace celere::checkpoint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(RingOfNodes, gives_to_the_same_place_of_the_next_node) {
  // Six ranks on nodes of two: 5 is the second of the last node, so its copy goes to the second of
  // the first.
  const auto ring = ring_of_nodes(5, 6, 2);
  ASSERT_TRUE(ring.ok() && *ring);
  EXPECT_EQ((*ring)->to, 1);
  EXPECT_EQ((*ring)->from, 3);
  EXPECT_FALSE(ring_of_nodes(1, 4, 4)->has_value());
  EXPECT_FALSE(ring_of_nodes(1, 4, 0)->has_value());
  // Of five ranks on nodes of four, rank 1 would give to rank 0 of its own node.
  EXPECT_THAT(ring_of_nodes(1, 5, 4).error().message, HasSubstr("needs equally many"));
}

// Whoever gives, keeps: each rank's two partners name it in turn, and neither is on its node.
TEST(RingOfNodes, is_a_ring_of_other_nodes) {
  for (const auto& [ranks, each] : {std::pair(8, 2), {8, 4}, {9, 3}, {2, 1}}) {
    for (int rank = 0; rank < ranks; ++rank) {
      const Ring ring = **ring_of_nodes(rank, ranks, each);
      EXPECT_EQ((*ring_of_nodes(ring.to, ranks, each))->from, rank);
      EXPECT_EQ((*ring_of_nodes(ring.from, ranks, each))->to, rank);
      EXPECT_EQ(ring.to / each, (rank / each + 1) % (ranks / each));
    }
  }
}

class Memory : public NodesTest {
 protected:
  // The copies of a file are the file.
  void expect_copies(std::int64_t step, int node) {
    for (const std::string& name : held(node, step)) {
      EXPECT_EQ(
          *storage_->files().read(memory(node) + "/" + folder_name_of_step(step) + "/" + name),
          *storage_->files().read(disk() + "/" + folder_name_of_step(step) + "/" + name));
    }
    EXPECT_EQ(held(node, step).size(), static_cast<std::size_t>(2 * per_node));
  }
};

// Three nodes of two ranks: each holds its own two files and those of the node before.
TEST_F(Memory, holds_a_nodes_own_files_and_those_of_the_node_before) {
  for (const SaveReport& report : save(6, {10})) {
    EXPECT_FALSE(report.failed.has_value());
    EXPECT_FALSE(report.not_copied.has_value()) << report.not_copied->text();
  }
  EXPECT_THAT(held(0, 10), ElementsAre(file_of(0), file_of(1), file_of(4), file_of(5)));
  EXPECT_THAT(held(1, 10), ElementsAre(file_of(0), file_of(1), file_of(2), file_of(3)));
  EXPECT_THAT(held(2, 10), ElementsAre(file_of(2), file_of(3), file_of(4), file_of(5)));
  for (int node = 0; node < 3; ++node) expect_copies(10, node);
}

TEST_F(Memory, keeps_the_newest_save_alone) {
  (void)save(4, {10, 20, 30});
  for (int node = 0; node < 2; ++node) {
    EXPECT_THAT(storage_->files().list(memory(node)), ElementsAre("step-000000030"));
    expect_copies(30, node);
  }
}

TEST_F(Memory, removes_what_others_than_today_left) {
  ASSERT_TRUE(storage_->files().make_folder(memory(0) + "/step-000000005").ok());
  ASSERT_TRUE(storage_->files().make_folder(memory(0) + "/mine").ok());
  for (const char* path : {"/step-000000005/rank-00077.safetensors", "/step-000000005/notes.txt",
                           "/mine/rank-00001.safetensors"}) {
    ASSERT_TRUE(storage_->files().write(memory(0) + path, "x").ok());
  }
  (void)save(4, {10});
  EXPECT_THAT(storage_->files().list(memory(0)),
              ElementsAre("mine", "step-000000005", "step-000000010"));
  EXPECT_THAT(held(0, 5), ElementsAre("notes.txt"));
  EXPECT_EQ(storage_->files().list(memory(0) + "/mine").size(), 1u);
}

// The second node's memory is full: its own copies are missing and those that it would keep; all
// ranks are told. The first node has its own, and gets those of the second from the disk's files.
TEST_F(Memory, that_is_full_is_a_warning) {
  faulty_.full = "memory-1";
  for (const SaveReport& report : save(4, {10})) {
    EXPECT_FALSE(report.failed.has_value());
    ASSERT_TRUE(report.not_copied.has_value());
    EXPECT_EQ(report.not_copied->message, "rank 2: cannot write: No space left");
  }
  EXPECT_THAT(held(1, 10), IsEmpty());
  expect_copies(10, 0);
  EXPECT_TRUE(newest_good(*storage_, disk()).checkpoint.has_value());
}

// A file of an earlier save that cannot be removed, as a folder of its name cannot: that is known
// when the copies of the next save lie where they should, and said to all ranks with the one after.
TEST_F(Memory, that_does_not_empty_is_a_warning) {
  const std::string stays = memory(1) + "/step-000000005/rank-00077.safetensors";
  ASSERT_TRUE(storage_->files().make_folder(stays).ok());
  for (const SaveReport& report : save(4, {10, 20})) {
    EXPECT_FALSE(report.failed.has_value());
    ASSERT_TRUE(report.not_copied.has_value());
    EXPECT_THAT(report.not_copied->message, HasSubstr("rank 2: cannot remove " + stays));
  }
  for (int node = 0; node < 2; ++node) expect_copies(20, node);
  // It goes before the third save, which tells of the second; the fourth has nothing to tell.
  before_save = [&](std::int64_t step) {
    if (step == 50) std::filesystem::remove(stays);
  };
  for (const SaveReport& report : save(4, {30, 40, 50})) EXPECT_TRUE(report.not_copied.has_value());
  ASSERT_TRUE(storage_->files().make_folder(stays).ok());
  for (const SaveReport& report : save(4, {30, 40, 50, 60})) {
    EXPECT_FALSE(report.not_copied.has_value()) << report.not_copied->text();
  }
}

TEST_F(Memory, that_is_absent_is_a_warning) {
  ASSERT_TRUE(storage_->files().make_folder(folder_).ok());
  ASSERT_TRUE(storage_->files().write(memory(1), "a file in its place").ok());
  for (const SaveReport& report : save(4, {10})) {
    EXPECT_FALSE(report.failed.has_value());
    ASSERT_TRUE(report.not_copied.has_value());
    EXPECT_THAT(report.not_copied->message, HasSubstr("rank 2: cannot make the folder"));
  }
  expect_copies(10, 0);
}

TEST_F(Memory, of_nodes_with_unequal_ranks_is_a_warning) {
  for (const SaveReport& report : save(3, {10})) {
    EXPECT_FALSE(report.failed.has_value());
    ASSERT_TRUE(report.not_copied.has_value());
    EXPECT_THAT(report.not_copied->message, HasSubstr("needs equally many"));
  }
  EXPECT_THAT(held(0, 10), ElementsAre(file_of(0), file_of(1)));
}

// A bit that flips on the way: the copy is not kept.
TEST_F(Memory, keeps_no_copy_that_is_not_the_file) {
  ThreadRanks all(4);
  all.spoils = true;
  for (const SaveReport& report : save(4, {10}, all)) {
    EXPECT_FALSE(report.failed.has_value());
    ASSERT_TRUE(report.not_copied.has_value());
    EXPECT_THAT(report.not_copied->message, HasSubstr("the neighbour gave"));
  }
  EXPECT_THAT(held(0, 10), ElementsAre(file_of(0), file_of(1)));
  EXPECT_THAT(held(1, 10), ElementsAre(file_of(2), file_of(3)));
}

// The disk is full, for all or for one rank: nothing of the attempt stays in memory, not even of
// those whose part went well, and the copies of what is committed do.
TEST_F(Memory, keeps_the_save_before_when_one_fails) {
  (void)save(4, {10});
  for (const char* full : {"/disk/", "/disk/step-000000020/rank-00001"}) {
    faulty_.full = full;
    for (const SaveReport& report : save(4, {20})) ASSERT_TRUE(report.failed.has_value());
    for (int node = 0; node < 2; ++node) {
      EXPECT_THAT(storage_->files().list(memory(node)), ElementsAre("step-000000010"));
      expect_copies(10, node);
    }
  }
}

// A folder of the next step cannot be made: nothing was begun, and nothing of the step before goes.
TEST_F(Memory, keeps_the_save_before_when_one_cannot_begin) {
  std::mutex mutex;
  before_save = [&](std::int64_t step) {
    const std::lock_guard lock(mutex);
    if (step == 10 || storage_->files().exists(disk() + "/step-000000020")) return;
    EXPECT_TRUE(storage_->files().write(disk() + "/step-000000020", "a file in its place").ok());
  };
  for (const SaveReport& report : save(2, {10, 20})) EXPECT_TRUE(report.failed.has_value());
  EXPECT_THAT(held(0, 10), ElementsAre(file_of(0), file_of(1)));
}

// Rank 0 cannot remove what a killed save left: no rank waits for it, all say why.
TEST_F(Memory, writers_that_cannot_open_fail_alike) {
  ASSERT_TRUE(storage_->files().make_folder(disk()).ok());
  ASSERT_TRUE(storage_->files().write(disk() + "/step-000000020", "a file in its place").ok());
  ThreadRanks(3).run([&](Peers& peers) {
    const auto writer =
        CheckpointWriter::open({.folder = disk(), .about = {}}, clock_, *storage_, peers);
    ASSERT_FALSE(writer.ok());
    EXPECT_THAT(writer.error().message, HasSubstr("cannot remove the folder"));
  });
}

TEST_F(Memory, follows_a_step_that_is_saved_again) {
  (void)save(4, {10, 10});
  for (int node = 0; node < 2; ++node) {
    expect_copies(10, node);
    EXPECT_THAT(held(node, 10), testing::Contains("rank-00000-2.safetensors"));
  }
}

}  // namespace
}  // namespace celere::checkpoint
