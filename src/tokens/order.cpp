#include "tokens/order.hpp"

#include <bit>

#include "base/check.hpp"
#include "tokens/hash.hpp"

namespace celere::tokens {
namespace {

constexpr std::uint64_t rounds = 6;

// floor(number * part / whole), exactly.
std::uint64_t share(std::uint64_t number, std::uint64_t part, std::uint64_t whole) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(number) * part / whole);
}

}  // namespace

std::uint64_t permuted(std::uint64_t index, std::uint64_t count, std::uint64_t key) {
  CHECK_LT(index, count);
  if (count == 1) return 0;
  const int half = (static_cast<int>(std::bit_width(count - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  std::uint64_t value = index;
  do {
    std::uint64_t left = value >> half, right = value & mask;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const std::uint64_t mixed = left ^ (hash64({key, round, right}) & mask);
      left = right;
      right = mixed;
    }
    value = (left << half) | right;
  } while (value >= count);
  return value;
}

Mixture::Mixture(const std::vector<std::uint64_t>& weights) : before_{0} {
  for (const std::uint64_t weight : weights) before_.push_back(before_.back() + weight);
  CHECK(!weights.empty());
  CHECK(before_.back() >= 1 && before_.back() <= std::uint64_t{1} << 63);
}

Mixture::Pick Mixture::pick(std::uint64_t number) const {
  std::size_t low = 0, high = before_.size() - 1;
  while (high - low > 1) {
    const std::size_t half = low + (high - low) / 2;
    const std::uint64_t left = before_[half] - before_[low], all = before_[high] - before_[low];
    const std::uint64_t to_left = share(number, left, all);
    if (share(number + 1, left, all) > to_left) {
      number = to_left;
      high = half;
    } else {
      number -= to_left;
      low = half;
    }
  }
  return {low, number};
}

}  // namespace celere::tokens
