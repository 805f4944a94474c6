// XXH3 of 128 bits: against accidents of memory and disk, not against an enemy.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace celere::checkpoint {

class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void add(std::span<const std::byte> bytes);
  std::string hexadecimal() const;  // of all that was added: 32 digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string checksum_of(std::span<const std::byte> bytes);

}  // namespace celere::checkpoint
