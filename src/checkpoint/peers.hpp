// Processes that write and read one checkpoint together: each its own shard, one of them (rank 0)
// the manifest. All call the same functions in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace celere::checkpoint {

// Bytes that a process gives to one other while it takes those of a third.
struct Passage {
  int to = -1;  // a rank; -1: gives nothing
  std::span<const std::byte> own;
  int from = -1;               // a rank; -1: takes nothing
  std::int64_t bytes_max = 0;  // more than these from there is an error
  // Gets what comes, part by part and in order; no more than bytes_max in all.
  std::function<void(std::span<const std::byte>)> take;
};

class Peers {
 public:
  virtual ~Peers() = default;
  virtual int rank() const = 0;
  // The texts of all processes, by rank, once each has given its own. All call it equally often.
  // Errors: io, where one is gone.
  virtual Result<std::vector<std::string>> exchange(const std::string& own) = 0;
  // Only those who give or take call it; who is named by both sides. No process is to hold more of
  // the bytes than a part of bounded size. Errors: io, where one is gone or gives too much; the
  // processes are then of no more use to each other.
  virtual Status pass(const Passage& passage) = 0;
};

// What the process of that rank says, with its name where it is one of several.
std::string said_by(std::size_t rank, std::size_t ranks, std::string_view text);
// Of texts that are empty where all went well: the first that is not (io).
std::optional<Error> first_that_failed(const std::vector<std::string>& all);

// One process: what it says is all there is.
class NoPeers : public Peers {
 public:
  int rank() const override { return 0; }
  Result<std::vector<std::string>> exchange(const std::string& own) override {
    return std::vector{own};
  }
  Status pass(const Passage&) override {
    return Error{ErrorCode::io, "there is no other process", {}};
  }
};

}  // namespace celere::checkpoint
