// What only those know who may read a run's directory: 32 random bytes in a file of mode 0600. Who
// knows them may give orders to the run's agents (wire/channel.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"

namespace celere::wire {

inline constexpr std::size_t secret_bytes = 32, nonce_bytes = 32, seal_bytes = 16;

using Nonce = std::array<std::uint8_t, nonce_bytes>;
using Seal = std::array<std::uint8_t, seal_bytes>;

class Secret {
 public:
  // Reads the file, or makes it with new bytes where there is none. Errors: io; bad_input where
  // others than its owner may read or write it, or it belongs to someone else; corrupt.
  static Result<Secret> at(const std::string& path);
  // For tests.
  static Secret of(const std::array<std::uint8_t, secret_bytes>& bytes) { return Secret(bytes); }

  // A key for one connection: both sides have given a nonce, the one that connected first.
  Secret for_connection(const Nonce& connecting, const Nonce& listening) const;
  // Of the `number`-th message in one direction: a keyed hash (BLAKE2b) that nobody makes without
  // the secret, and that fits no other message.
  Seal seal(bool from_connecting, std::uint64_t number,
            std::span<const std::uint8_t> message) const;

 private:
  explicit Secret(const std::array<std::uint8_t, secret_bytes>& bytes) : bytes_(bytes) {}
  std::array<std::uint8_t, secret_bytes> bytes_;
};

Nonce random_nonce();
// In a time that does not depend on where they differ.
bool equal(const Seal& a, const Seal& b);

}  // namespace celere::wire
