#include "base/prng.hpp"

#include <cmath>
#include <numbers>

#include "base/check.hpp"

namespace celere {
namespace {

constexpr std::array<std::uint64_t, 2> multipliers = {0xD2511F53, 0xCD9E8D57};
constexpr std::array<std::uint32_t, 2> increments = {0x9E3779B9, 0xBB67AE85};
constexpr int rounds = 10;

std::uint32_t high(std::uint64_t number) { return static_cast<std::uint32_t>(number >> 32); }
std::uint32_t low(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c,
                                    std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t one = multipliers[0] * c[0];
    const std::uint64_t two = multipliers[1] * c[2];
    c = {high(two) ^ c[1] ^ key[0], low(two), high(one) ^ c[3] ^ key[1], low(one)};
    key = {key[0] + increments[0], key[1] + increments[1]};
  }
  return c;
}

std::uint64_t Prng::bits() {
  if (left_ == 0) {
    numbers_ =
        philox({low(block_), high(block_), low(stream_), high(stream_)}, {low(seed_), high(seed_)});
    ++block_;
    left_ = 2;
  }
  --left_;
  const auto at = static_cast<std::size_t>(2 - 2 * left_);
  return (std::uint64_t{numbers_[at]} << 32) | numbers_[at + 1];
}

double Prng::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

// Numbers beyond the last whole multiple of `count` are thrown away.
std::uint64_t Prng::below(std::uint64_t count) {
  CHECK(count > 0);
  const std::uint64_t left_over = (0 - count) % count;
  std::uint64_t number = bits();
  while (number < left_over) number = bits();
  return number % count;
}

Seconds Prng::exponential(Seconds mean) { return mean * -std::log1p(-uniform()); }

double Prng::normal() {
  const double length = std::sqrt(-2 * std::log(1 - uniform()));
  return length * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace celere
