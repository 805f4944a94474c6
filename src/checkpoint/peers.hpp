// Processes that write one checkpoint together: each its own shard, one of them (rank 0) the
// manifest.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace celere::checkpoint {

class Peers {
 public:
  virtual ~Peers() = default;
  virtual int rank() const = 0;
  // The texts of all processes, by rank, once each has given its own. All call it equally often.
  // Errors: io, where one is gone.
  virtual Result<std::vector<std::string>> exchange(const std::string& own) = 0;
};

// One process: what it says is all there is.
class NoPeers : public Peers {
 public:
  int rank() const override { return 0; }
  Result<std::vector<std::string>> exchange(const std::string& own) override {
    return std::vector{own};
  }
};

}  // namespace celere::checkpoint
