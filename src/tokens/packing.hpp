// Packing without cutting: documents are put into windows of `sequence` + 1 tokens (the last one is
// only predicted), each into the fullest of the open windows that has room for it; where none has,
// a new one is opened, and of more than 64 the fullest is closed. A document that is longer than a
// window is first cut into pieces that overlap by one token, which is not predicted twice.
//
// The windows of a stream are a pure function of the sizes of its documents.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tokens/token_stream.hpp"

namespace celere::tokens {

struct Piece {
  std::uint32_t document = 0;
  std::uint32_t number = 0;  // of the pieces of that document: it begins at number * sequence
};

class WholeWindows {
 public:
  // REQUIRES: sequence >= 1, fewer than 2^32 documents.
  WholeWindows(const TokenStream& stream, std::int64_t sequence);

  std::uint64_t count() const { return begins_.size() - 1; }
  std::span<const Piece> window(std::uint64_t index) const;

 private:
  std::vector<Piece> pieces_;          // window after window
  std::vector<std::uint64_t> begins_;  // of each window in pieces_, and the end
};

}  // namespace celere::tokens
