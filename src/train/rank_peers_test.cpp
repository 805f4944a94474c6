#include "train/rank_peers.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace celere::train {
namespace {

// Runs function(peers) on each of `count` ranks that are threads; bytes go in parts of 64.
template <typename F>
void over_ranks(int count, const F& function) {
  const nn::Meeting meeting = nn::Meeting::in_process();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      auto group = nn::ProcessGroup::make(
          meeting, {.name = "writers", .rank = rank, .size = count, .interface = "lo"});
      ASSERT_TRUE(group.ok()) << group.error().text();
      RankPeers peers(*std::move(group), 64);
      function(peers, rank);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Bytes that say whose they are.
std::vector<std::byte> bytes_of(int rank, std::size_t count) {
  std::vector<std::byte> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<std::byte>(static_cast<std::size_t>(rank) * 31 + i * 7);
  }
  return out;
}

std::size_t size_of(int rank) {
  return std::vector<std::size_t>{0, 64, 200, 1000}.at(static_cast<std::size_t>(rank));
}

// A ring in which each gives another number of bytes: none, one part, four parts (64 + 64 + 64 + 8)
// and sixteen. Twice, so that one passage leaves nothing behind for the next.
TEST(RankPeers, bytes_go_round_a_ring) {
  constexpr int ranks = 4;
  over_ranks(ranks, [](RankPeers& peers, int rank) {
    for (int turn = 0; turn < 2; ++turn) {
      const int from = (rank + ranks - 1) % ranks;
      const std::vector<std::byte> own = bytes_of(rank, size_of(rank));
      std::vector<std::byte> got;
      std::size_t parts = 0, longest = 0;
      const Status status = peers.pass({.to = (rank + 1) % ranks,
                                        .own = own,
                                        .from = from,
                                        .bytes_max = static_cast<std::int64_t>(size_of(from)),
                                        .take = [&](std::span<const std::byte> bytes) {
                                          ++parts;
                                          longest = std::max(longest, bytes.size());
                                          got.insert(got.end(), bytes.begin(), bytes.end());
                                        }});
      ASSERT_TRUE(status.ok()) << status.error().text();
      EXPECT_EQ(got, bytes_of(from, size_of(from)));
      EXPECT_EQ(parts, (size_of(from) + 63) / 64);
      EXPECT_LE(longest, 64u);
    }
  });
}

// One gives, one takes, the third is not asked.
TEST(RankPeers, bytes_go_from_one_to_another) {
  over_ranks(3, [](RankPeers& peers, int rank) {
    const std::vector<std::byte> own = bytes_of(rank, 100);
    std::vector<std::byte> got;
    const auto take = [&](std::span<const std::byte> bytes) {
      got.insert(got.end(), bytes.begin(), bytes.end());
    };
    if (rank == 2) {
      EXPECT_TRUE(peers.pass({.to = 0, .own = own, .from = -1, .bytes_max = 0, .take = {}}).ok());
    }
    if (rank == 0) {
      EXPECT_TRUE(
          peers.pass({.to = -1, .own = {}, .from = 2, .bytes_max = 100, .take = take}).ok());
      EXPECT_EQ(got, bytes_of(2, 100));
    }
    const auto all = peers.exchange(std::to_string(rank));
    ASSERT_TRUE(all.ok());
    EXPECT_THAT(*all, testing::ElementsAre("0", "1", "2"));
  });
}

}  // namespace
}  // namespace celere::train
