// Processes that are threads: texts meet at a barrier, bytes go through a box for each pair. One
// that leaves makes every wait of the others end with an error, as a lost process does; a wait of
// ten seconds does too, so that a deadlock is a failed test.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "checkpoint/peers.hpp"

namespace celere::checkpoint {

class ThreadRanks {
 public:
  explicit ThreadRanks(int count) : count_(count), said_(static_cast<std::size_t>(count)) {}

  class Peer final : public Peers {
   public:
    Peer(ThreadRanks& ranks, int rank) : ranks_(&ranks), rank_(rank) {}
    int rank() const override { return rank_; }
    Result<std::vector<std::string>> exchange(const std::string& own) override {
      return ranks_->exchange(rank_, own);
    }
    Status pass(const Passage& passage) override { return ranks_->pass(rank_, passage); }

   private:
    ThreadRanks* ranks_;
    int rank_;
  };

  // Runs function(peers) for every rank, each in its thread, until all have returned.
  template <typename F>
  void run(const F& function) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < count_; ++rank) {
      threads.emplace_back([&, rank] {
        Peer peer(*this, rank);
        function(peer);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }

  // Of all bytes that went from one to another: how many, and by which pairs.
  std::map<std::pair<int, int>, std::int64_t> passed() const { return passed_; }
  std::int64_t passed_in_all() const {
    std::int64_t sum = 0;
    for (const auto& [pair, bytes] : passed_) sum += bytes;
    return sum;
  }
  bool spoils = false;  // flips a bit of all that goes from one to another

 private:
  static Error lost() { return {ErrorCode::io, "a process is gone", {}}; }

  template <typename Condition>
  bool wait(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return gone_ || condition(); });
    if (!condition()) gone_ = true;
    return condition();
  }

  Result<std::vector<std::string>> exchange(int rank, const std::string& own) {
    std::unique_lock lock(mutex_);
    const std::int64_t turn = turn_;
    said_[static_cast<std::size_t>(rank)] = own;
    if (++arrived_ == count_) {
      heard_ = said_;
      arrived_ = 0;
      ++turn_;
      changed_.notify_all();
      return heard_;
    }
    // Nobody overwrites heard_ before this one has come back for another turn.
    if (!wait(lock, [&] { return turn_ != turn; })) return lost();
    return heard_;
  }

  Status pass(int rank, const Passage& passage) {
    constexpr std::size_t part = 100;
    std::unique_lock lock(mutex_);
    if (passage.to >= 0) {
      std::vector<std::byte> bytes(passage.own.begin(), passage.own.end());
      if (spoils && !bytes.empty()) bytes[bytes.size() / 2] ^= std::byte{8};
      passed_[{rank, passage.to}] += static_cast<std::int64_t>(bytes.size());
      boxes_[{rank, passage.to}].push_back(std::move(bytes));
      changed_.notify_all();
    }
    if (passage.from < 0) return Done{};
    auto& box = boxes_[{passage.from, rank}];
    if (!wait(lock, [&] { return !box.empty(); })) return lost();
    const std::vector<std::byte> bytes = std::move(box.front());
    box.pop_front();
    lock.unlock();
    if (static_cast<std::int64_t>(bytes.size()) > passage.bytes_max) {
      return Error{ErrorCode::io, "more bytes than announced", {}};
    }
    for (std::size_t at = 0; at < bytes.size(); at += part) {
      passage.take(std::span(bytes).subspan(at, std::min(part, bytes.size() - at)));
    }
    return Done{};
  }

  const int count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> said_, heard_;
  int arrived_ = 0;
  std::int64_t turn_ = 0;
  bool gone_ = false;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> boxes_;
  std::map<std::pair<int, int>, std::int64_t> passed_;
};

}  // namespace celere::checkpoint
