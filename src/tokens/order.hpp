// In which order samples come: pure functions of a number, without memory.
//
// `permuted` is a Feistel network of six rounds on the bits of an index, keyed by a hash of (key,
// round, half), and walked until it falls below the count [Black and Rogaway 2002, "Ciphers with
// arbitrary finite domains"]: each index below `count` comes exactly once.
//
// `Mixture` shares numbers out to sources by weight. Of a tree whose nodes part the weights into
// left L and right R, n samples give floor(n L / (L + R)) to the left: so every source has, after
// any number of samples, its share within the depth of the tree, and after sum(weights) samples
// exactly its weight where weights are whole numbers.
#pragma once

#include <cstdint>
#include <vector>

namespace celere::tokens {

// REQUIRES: index < count.
std::uint64_t permuted(std::uint64_t index, std::uint64_t count, std::uint64_t key);

class Mixture {
 public:
  // REQUIRES: at least one weight, their sum between 1 and 2^63.
  explicit Mixture(const std::vector<std::uint64_t>& weights);

  struct Pick {
    std::size_t source = 0;
    std::uint64_t number = 0;  // of the samples of that source, from 0
  };
  Pick pick(std::uint64_t number) const;

 private:
  std::vector<std::uint64_t> before_;  // sum of the weights before each source, and of all
};

}  // namespace celere::tokens
