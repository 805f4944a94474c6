// Ranks that open a checkpoint together: where their bytes come from when nodes and copies are
// lost, and that they all refuse alike.
#include <gmock/gmock.h>

#include "checkpoint/checksum.hpp"
#include "checkpoint/test_nodes.hpp"

namespace celere::checkpoint {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Together : public NodesTest {
 protected:
  static constexpr int ranks = 6;  // on three nodes

  struct Loaded {
    std::optional<std::int64_t> step;
    Sources sources;
    std::vector<std::string> refused;
    friend bool operator==(const Loaded& a, const Loaded& b) {
      return a.step == b.step && a.refused == b.refused;
    }
  };

  std::vector<Wanted> own_parts(int rank) const {
    return {{own_name(rank), whole({50, 3})}, {"common", {{rank, 0}, {1, 5}}}};
  }

  // Every rank reads its own tensor and its row of the common one and holds them against what was
  // saved; all have opened the same step and refused the same ones.
  std::vector<Loaded> load(bool says_what, bool has_memory = true, Verify verify = Verify::deep) {
    std::vector<Loaded> out(ranks);
    all_.emplace(ranks);
    all_->spoils = spoils_;
    all_->run([&](Peers& peers) {
      const int rank = peers.rank();
      OpenOptions options{.verify = verify};
      if (says_what) options.wanted = own_parts(rank);
      if (has_memory) options.memories = {memory(rank / per_node)};
      Result<Newest> newest = newest_good(faulty_, disk(), options, peers);
      ASSERT_TRUE(newest.ok()) << newest.error().text();
      Loaded& loaded = out[static_cast<std::size_t>(rank)];
      for (const Refused& one : newest->refused) {
        loaded.refused.push_back(std::to_string(one.which.step) + ": " + one.why.message);
      }
      if (!newest->checkpoint) return;
      loaded.step = newest->checkpoint->manifest().step;
      loaded.sources = newest->checkpoint->sources();
      expect_content(*newest->checkpoint, rank);
    });
    for (const Loaded& one : out) EXPECT_EQ(one, out.front());
    return out;
  }

  static void expect_content(const Checkpoint& from, int rank) {
    const std::int64_t step = from.manifest().step;
    const OwnedTensor own = own_tensor(rank, step), common = common_tensor(ranks, step);
    std::vector<std::byte> bytes(own.bytes.size());
    ASSERT_TRUE(from.read(own.name, bytes).ok());
    EXPECT_EQ(bytes, own.bytes);
    bytes.resize(common.bytes.size() / ranks);
    ASSERT_TRUE(from.read("common", {{rank, 0}, {1, 5}}, bytes).ok());
    EXPECT_TRUE(
        std::equal(bytes.begin(), bytes.end(),
                   common.bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size()) * rank));
  }

  void lose_node(int node) { std::filesystem::remove_all(memory(node)); }
  std::string on_disk(int rank, std::int64_t step = 10) const {
    return disk() + "/" + folder_name_of_step(step) + "/" + file_of(rank);
  }
  std::string in_memory(int node, int rank) const {
    return memory(node) + "/" + folder_name_of_step(10) + "/" + file_of(rank);
  }
  std::int64_t size_of(int rank) const {
    return static_cast<std::int64_t>(std::filesystem::file_size(on_disk(rank)));
  }

  bool spoils_ = false;
  std::optional<ThreadRanks> all_;
};

// The shards on the disk cannot be read at all; the manifest can.
TEST_F(Together, restarts_from_memory_without_the_disk) {
  (void)save(ranks, {10});
  faulty_.unreadable = "/disk/step-000000010/rank-";
  const auto loaded = load(true);
  EXPECT_EQ(loaded[0].step, 10);
  for (int rank = 0; rank < ranks; ++rank) {
    const Sources& sources = loaded[static_cast<std::size_t>(rank)].sources;
    EXPECT_EQ(sources.memory_bytes, size_of(rank));
    EXPECT_EQ(sources.disk_bytes + sources.peers_bytes, 0);
  }
  EXPECT_EQ(all_->passed_in_all(), 0);
}

// The memory of the second node is lost with all that lay in it: its two ranks get their files from
// the third node, and no byte from the disk.
TEST_F(Together, one_lost_node_loads_from_the_node_behind_it) {
  (void)save(ranks, {10});
  lose_node(1);
  faulty_.unreadable = "/disk/step-000000010/rank-";
  const auto loaded = load(true);
  EXPECT_EQ(loaded[0].step, 10);
  for (int rank = 0; rank < ranks; ++rank) {
    const Sources& sources = loaded[static_cast<std::size_t>(rank)].sources;
    const bool is_lost = rank / per_node == 1;
    EXPECT_EQ(sources.memory_bytes, is_lost ? 0 : size_of(rank));
    EXPECT_EQ(sources.peers_bytes, is_lost ? size_of(rank) : 0);
    EXPECT_EQ(sources.disk_bytes, 0);
    EXPECT_THAT(sources.passed_over, IsEmpty());
  }
  // From ranks of the third node alone, both of which see its memory.
  for (const auto& [pair, bytes] : all_->passed()) EXPECT_EQ(pair.first / per_node, 2);
  EXPECT_EQ(all_->passed_in_all(), size_of(2) + size_of(3));
}

// A machine that several nodes' memories are seen from: a list of folders, and one process alone.
TEST_F(Together, one_process_takes_the_first_good_copy_of_several_memories) {
  (void)save(ranks, {10});
  lose_node(1);
  faulty_.unreadable = "/disk/step-000000010/rank-";
  flip_byte(in_memory(0, 0), 700);
  std::filesystem::resize_file(in_memory(0, 5), 100);
  const Newest newest = newest_good(
      faulty_, disk(), {.memories = {folder_ + "/nowhere", memory(0), memory(1), memory(2)}});
  // Rank 0's only good copy was on the node that is lost.
  EXPECT_FALSE(newest.checkpoint.has_value());
  flip_byte(in_memory(0, 0), 700);
  const Newest again = newest_good(faulty_, disk(), {.memories = {memory(0), memory(2)}});
  ASSERT_TRUE(again.checkpoint.has_value());
  for (int rank = 0; rank < ranks; ++rank) expect_content(*again.checkpoint, rank);
  const Sources& sources = again.checkpoint->sources();
  EXPECT_EQ(sources.memory_bytes, again.checkpoint->manifest().bytes());
  EXPECT_EQ(sources.disk_bytes, 0);
  ASSERT_THAT(sources.passed_over, SizeIs(1));
  EXPECT_EQ(sources.passed_over[0].message,
            in_memory(0, 5) + ": has 100 bytes of " + std::to_string(size_of(5)));
}

// Two neighbours are lost: the first one's files lay on both. They come from the disk, those of the
// second from the third node.
TEST_F(Together, two_lost_neighbours_load_from_the_disk) {
  (void)save(ranks, {10});
  lose_node(0);
  lose_node(1);
  const auto loaded = load(true);
  EXPECT_EQ(loaded[0].step, 10);
  for (int rank = 0; rank < ranks; ++rank) {
    const Sources& sources = loaded[static_cast<std::size_t>(rank)].sources;
    EXPECT_EQ(sources.disk_bytes, rank < 2 ? size_of(rank) : 0);
    EXPECT_EQ(sources.peers_bytes, rank == 2 || rank == 3 ? size_of(rank) : 0);
    EXPECT_EQ(sources.memory_bytes, rank > 3 ? size_of(rank) : 0);
  }
  faulty_.unreadable = "/disk/step-000000010/rank-00001";
  const auto refused = load(true);
  EXPECT_FALSE(refused[0].step.has_value());
  EXPECT_EQ(refused[5].refused, std::vector{"10: rank 1: cannot read " + on_disk(1)});
}

// Neither a flipped byte nor a short file in memory is believed, however lightly the rest is
// verified; nor is what a peer gives.
TEST_F(Together, passes_over_bad_copies) {
  (void)save(ranks, {10});
  flip_byte(in_memory(0, 0), static_cast<std::size_t>(size_of(0)) - 1);
  flip_byte(in_memory(1, 0), static_cast<std::size_t>(size_of(0)) - 1);
  std::filesystem::resize_file(in_memory(0, 1), 100);
  std::filesystem::remove(in_memory(1, 1));
  const auto loaded = load(true, true, Verify::quick);
  EXPECT_EQ(loaded[0].step, 10);
  // Rank 0 finds its copy bad, and then the one that rank 1 gives it, who has only looked at its
  // size; of rank 1's file there is none of the right size.
  for (int rank = 0; rank < 2; ++rank) {
    const Sources& sources = loaded[static_cast<std::size_t>(rank)].sources;
    EXPECT_EQ(sources.disk_bytes, size_of(rank));
    EXPECT_EQ(sources.memory_bytes + sources.peers_bytes, 0);
    EXPECT_THAT(sources.passed_over, SizeIs(rank == 0 ? 2 : 1));
  }
  const std::map<std::pair<int, int>, std::int64_t> once{{{1, 0}, size_of(0)}};
  EXPECT_EQ(all_->passed(), once);
}

TEST_F(Together, passes_over_what_was_spoilt_on_the_way) {
  (void)save(ranks, {10});
  lose_node(1);
  spoils_ = true;
  const auto loaded = load(true);
  EXPECT_EQ(loaded[2].step, 10);
  EXPECT_EQ(loaded[2].sources.disk_bytes, size_of(2));
  ASSERT_THAT(loaded[2].sources.passed_over, SizeIs(1));
  EXPECT_THAT(loaded[2].sources.passed_over[0].message, HasSubstr("as a peer gave it"));
}

// Memory holds another step, or the same step of another training under the same names.
TEST_F(Together, does_not_take_copies_of_another_save) {
  (void)save(ranks, {10});
  for (int node = 0; node < 3; ++node) {
    for (const std::string& name : held(node, 10)) {
      flip_byte(memory(node) + "/" + folder_name_of_step(10) + "/" + name, 600);
    }
  }
  const auto loaded = load(true);
  EXPECT_EQ(loaded[0].step, 10);
  for (const Loaded& one : loaded) EXPECT_EQ(one.sources.memory_bytes, 0);
}

// Without memories, and without saying what is read: every file is opened by all.
TEST_F(Together, works_without_memories) {
  (void)save(ranks, {10});
  for (const bool says_what : {false, true}) {
    const auto loaded = load(says_what, false);
    EXPECT_EQ(loaded[0].step, 10);
    EXPECT_EQ(all_->passed_in_all(), 0);
    std::int64_t all = 0;
    for (int rank = 0; rank < ranks; ++rank) all += size_of(rank);
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_EQ(loaded[static_cast<std::size_t>(rank)].sources.disk_bytes,
                says_what ? size_of(rank) : all);
    }
  }
}

// Whoever's file is spoilt, all refuse it in the same words and take the one before: files that
// somebody reads, and those that nobody said to read and that are verified by shares.
TEST_F(Together, all_refuse_alike) {
  (void)save(ranks, {10, 20});
  for (const bool says_what : {true, false}) {
    for (int rank = 0; rank < ranks; ++rank) {
      const std::string path = on_disk(rank, 20);
      flip_byte(path, static_cast<std::size_t>(size_of(rank)) - 1);
      auto loaded = load(says_what, false);
      EXPECT_EQ(loaded[0].step, 10) << rank;
      ASSERT_THAT(loaded[0].refused, SizeIs(1));
      EXPECT_THAT(loaded[0].refused[0],
                  HasSubstr("20: rank " + std::to_string(rank) + ": " + path + ": its checksum"));
      flip_byte(path, static_cast<std::size_t>(size_of(rank)) - 1);
      faulty_.unreadable = path;
      loaded = load(says_what, false);
      EXPECT_EQ(loaded[0].step, 10) << rank;
      EXPECT_THAT(loaded[0].refused[0], HasSubstr("cannot read " + path));
      faulty_.unreadable.clear();
    }
  }
  EXPECT_EQ(load(true, false)[0].step, 20);
}

// Four ranks read what six wrote: the files of 4 and 5 are read by nobody, and yet a bad byte in
// one is seen. Each of the six files is read once: n ranks do not read n times the bytes.
TEST_F(Together, what_nobody_reads_is_verified_too) {
  (void)save(ranks, {10});
  const auto refused = [&] {
    std::atomic<int> count = 0;
    ThreadRanks(4).run([&](Peers& peers) {
      const OpenOptions options{.wanted = own_parts(peers.rank())};
      const Result<Newest> newest = newest_good(faulty_, disk(), options, peers);
      ASSERT_TRUE(newest.ok());
      if (!newest->checkpoint) ++count;
    });
    return count.load();
  };
  faulty_.maps_of_disk = 0;
  EXPECT_EQ(refused(), 0);
  EXPECT_EQ(faulty_.maps_of_disk, 6);
  for (const int rank : {4, 5}) {
    flip_byte(on_disk(rank), 700);
    EXPECT_EQ(refused(), 4);
    flip_byte(on_disk(rank), 700);
  }
}

// One process that does not say what it reads opens all six files, each once, and verifies them.
TEST_F(Together, a_process_alone_reads_each_file_once) {
  (void)save(ranks, {10});
  faulty_.maps_of_disk = 0;
  EXPECT_TRUE(newest_good(faulty_, disk()).checkpoint.has_value());
  EXPECT_EQ(faulty_.maps_of_disk, 6);
  flip_byte(on_disk(5), 700);
  EXPECT_FALSE(newest_good(faulty_, disk()).checkpoint.has_value());
}

// Another layout reads a little of many files: whole files would be too much to pass around.
TEST_F(Together, passes_no_file_of_which_little_is_read) {
  (void)save(ranks, {10});
  for (int node = 0; node < 3; ++node) lose_node(node);
  std::filesystem::create_directories(memory(0));
  std::filesystem::create_directories(memory(1) + "/step-000000010");
  std::filesystem::copy_file(on_disk(0), in_memory(1, 0));
  all_.emplace(4);
  all_->run([&](Peers& peers) {
    const OpenOptions options{.wanted = {{"common", {{0, 0}, {1, 5}}}},
                              .memories = {memory(peers.rank() / per_node)}};
    const Result<Newest> newest = newest_good(faulty_, disk(), options, peers);
    ASSERT_TRUE(newest.ok() && newest->checkpoint);
    const Sources& sources = newest->checkpoint->sources();
    EXPECT_EQ(peers.rank() < 2 ? sources.disk_bytes : sources.memory_bytes, size_of(0));
  });
  EXPECT_EQ(all_->passed_in_all(), 0);
}

TEST_F(Together, reads_only_what_was_wanted) {
  (void)save(ranks, {10});
  const auto from = Checkpoint::open(faulty_, disk() + "/step-000000010", {.wanted = own_parts(3)});
  ASSERT_TRUE(from.ok()) << from.error().text();
  expect_content(*from, 3);
  std::vector<std::byte> bytes(600);
  EXPECT_THAT(from->read(own_name(2), bytes).error().message,
              HasSubstr("tensor \"own-2\": [0:50, 0:3] of it is not what was wanted"));
  EXPECT_THAT(from->read("none", bytes).error().message, HasSubstr("has no tensor"));
}

// Later steps are neither taken nor refused; rank 0's word counts.
TEST_F(Together, looks_at_no_later_step_than_asked_for) {
  (void)save(2, {10, 20, 30});
  ThreadRanks(2).run([&](Peers& peers) {
    const OpenOptions options{.step_max = peers.rank() == 0 ? 29 : 10};
    const auto newest = newest_good(faulty_, disk(), options, peers);
    ASSERT_TRUE(newest.ok() && newest->checkpoint);
    EXPECT_EQ(newest->checkpoint->manifest().step, 20);
    EXPECT_THAT(newest->refused, IsEmpty());
  });
  EXPECT_FALSE(newest_good(faulty_, disk(), {.step_max = 9}).checkpoint.has_value());
}

// One rank sees an older manifest of the step, as a cache of a shared disk may hold it.
TEST_F(Together, refuses_where_ranks_read_different_manifests) {
  (void)save(2, {10});
  const std::string other = folder_ + "/other";
  std::filesystem::copy(disk(), other, std::filesystem::copy_options::recursive);
  const std::string path = other + "/step-000000010/manifest.json";
  auto manifest = parse_manifest(*storage_->files().read(path), path);
  manifest->state["cursor"] = std::int64_t{11};
  ASSERT_TRUE(commit(*storage_, other + "/step-000000010", *manifest).ok());
  ThreadRanks(2).run([&](Peers& peers) {
    const auto newest =
        newest_good(faulty_, peers.rank() == 0 ? disk() : other, OpenOptions{}, peers);
    ASSERT_TRUE(newest.ok());
    EXPECT_FALSE(newest->checkpoint.has_value());
    EXPECT_THAT(newest->refused.at(0).why.message, HasSubstr("not all ranks read the same"));
  });
}

// A rank is gone before it has said anything: the others get an error, and soon.
TEST_F(Together, ends_with_an_error_where_a_rank_is_gone) {
  (void)save(ranks, {10});
  ThreadRanks all(ranks);
  all.run([&](Peers& peers) {
    if (peers.rank() == 3) return all.leave();
    const auto newest = newest_good(faulty_, disk(), OpenOptions{}, peers);
    ASSERT_FALSE(newest.ok());
    EXPECT_EQ(newest.error().code, ErrorCode::io);
  });
}

// Names in a memory come from the manifest, which has plain ones alone: one that leads elsewhere is
// refused before any memory is looked at.
TEST_F(Together, believes_no_name_that_leads_elsewhere) {
  (void)save(2, {10});
  const std::string path = disk() + "/step-000000010/manifest.json";
  std::string text = *storage_->files().read(path);
  text.replace(text.find(file_of(0)), file_of(0).size(), "../../../../etc/passwd");
  const std::size_t first = text.find('\n') + 1;
  const std::string checksum =
      checksum_of(std::as_bytes(std::span(std::string_view(text).substr(first))));
  text.replace(text.find(": \"") + 3, 32, checksum);
  ASSERT_TRUE(storage_->files().write(path, text).ok());
  const auto opened =
      Checkpoint::open(faulty_, disk() + "/step-000000010", {.memories = {memory(0)}});
  EXPECT_THAT(opened.error().message, HasSubstr("is no plain name"));
}

}  // namespace
}  // namespace celere::checkpoint
