#include "tokens/order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

namespace celere::tokens {
namespace {

TEST(Permuted, gives_each_index_once) {
  for (const std::uint64_t count : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 63u, 64u, 65u, 1000u, 4097u}) {
    for (const std::uint64_t key : {0u, 1u, 99u}) {
      std::vector<bool> seen(count);
      for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t at = permuted(i, count, key);
        ASSERT_LT(at, count);
        EXPECT_FALSE(seen[at]) << count << " " << key;
        seen[at] = true;
      }
    }
  }
}

TEST(Permuted, of_a_large_count_stays_below_it) {
  const std::uint64_t count = (std::uint64_t{1} << 40) + 7;
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_LT(permuted(i * 1'000'003, count, 5), count);
}

// Of a random order, |place - index| is count / 3 on average, and two keys agree in one place.
TEST(Permuted, looks_random_and_changes_with_the_key) {
  constexpr std::uint64_t count = 10'000;
  double distance = 0;
  int equal = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = permuted(i, count, 1);
    distance += std::abs(static_cast<double>(at) - static_cast<double>(i));
    equal += at == permuted(i, count, 2) ? 1 : 0;
  }
  EXPECT_NEAR(distance / count, count / 3.0, count / 30.0);
  EXPECT_LE(equal, 8);
}

// Weights 1, 2, 5 of 8: each run of 8 samples has exactly 1, 2 and 5, and each source counts its
// own samples without a gap.
TEST(Mixture, keeps_the_weights_exactly) {
  const Mixture mixture({1, 2, 5});
  std::vector<std::uint64_t> next(3, 0);
  for (std::uint64_t number = 0; number < 8000; ++number) {
    const Mixture::Pick pick = mixture.pick(number);
    EXPECT_EQ(pick.number, next[pick.source]++);
    if (number % 8 == 7) {
      EXPECT_EQ(next[0], (number + 1) / 8);
      EXPECT_EQ(next[1], 2 * (number + 1) / 8);
    }
  }
}

// At no time is a source further from its share than the depth of the tree, here 3.
TEST(Mixture, is_never_far_from_the_weights) {
  const std::vector<std::uint64_t> weights = {3, 141, 592, 65, 35};
  const Mixture mixture(weights);
  std::vector<double> got(weights.size(), 0);
  for (std::uint64_t number = 0; number < 5000; ++number) {
    ++got[mixture.pick(number).source];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double due = static_cast<double>(number + 1) * static_cast<double>(weights[i]) / 836;
      ASSERT_LE(std::abs(got[i] - due), 3) << number;
    }
  }
}

TEST(Mixture, has_no_trouble_with_large_numbers) {
  const Mixture mixture({std::uint64_t{1} << 61, std::uint64_t{3} << 61});
  const std::uint64_t number = std::uint64_t{1} << 62;
  const auto [source, of_source] = mixture.pick(number);
  EXPECT_EQ(of_source, source == 0 ? number / 4 : number / 4 * 3);
}

}  // namespace
}  // namespace celere::tokens
