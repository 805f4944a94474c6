// Random numbers by counter: stream (seed, index) gives the same numbers wherever and whenever it
// is asked, so replicas may run in any order on any number of threads.
//
// Philox4x32-10 [Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"]: ten rounds of
// two multiplications on a counter of 128 bits under a key of 64. The key is the seed, the upper
// half of the counter the stream's index.
#pragma once

#include <array>
#include <cstdint>

#include "base/units.hpp"

namespace celere {

// One block: four numbers of 32 bits from a counter and a key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

class Prng {
 public:
  Prng(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  std::uint64_t bits();                      // 64 of them
  double uniform();                          // in [0, 1), in steps of 2^-53
  std::uint64_t below(std::uint64_t count);  // in [0, count), without bias. REQUIRES: count > 0
  Seconds exponential(Seconds mean);
  double normal();  // of mean 0 and deviation 1 [Box and Muller 1958; one of the two]

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t block_ = 0;
  std::array<std::uint32_t, 4> numbers_{};
  int left_ = 0;
};

}  // namespace celere
