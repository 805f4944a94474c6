// How far a training has come in its samples: how many it has consumed, and which numbers it passes
// over (those of a batch that made the loss explode, for example). It knows no ranks and no batch,
// so that a training may go on with others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace celere::tokens {

struct SampleRange {
  std::uint64_t begin = 0, end = 0;  // [begin, end)
  friend bool operator==(const SampleRange&, const SampleRange&) = default;
};

class Cursor {
 public:
  std::uint64_t consumed() const { return consumed_; }
  const std::vector<SampleRange>& skipped() const { return skipped_; }

  // The number of the k-th sample of the training, from 0: the k-th that is not skipped.
  std::uint64_t number(std::uint64_t k) const;
  void consume(std::uint64_t samples) { consumed_ += samples; }
  // Passes over the next so many samples without consuming them.
  void skip(std::uint64_t samples);

  // {"version": 1, "consumed": 12, "skipped": [[4, 8]]}
  std::string json() const;
  // Errors: corrupt.
  static Result<Cursor> parse(std::string_view json);

  friend bool operator==(const Cursor&, const Cursor&) = default;

 private:
  std::uint64_t consumed_ = 0;
  std::vector<SampleRange> skipped_;  // ascending, apart
};

}  // namespace celere::tokens
