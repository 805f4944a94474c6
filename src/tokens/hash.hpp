// Hashes by xxHash (XXH3): fast, the same on every machine, and no protection against intent.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace celere::tokens {

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0);
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
// Of a few numbers, in their order.
std::uint64_t hash64(std::initializer_list<std::uint64_t> numbers);

std::string written(const Hash128& hash);  // 32 hexadecimal digits

// Of bytes that come piece by piece: hash128 of all of them.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void add(std::string_view bytes);
  Hash128 hash() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace celere::tokens
