// A bucket as tokens: for every stream (a source's editions, then its validation) the documents
// that go there. A part is one file with a hash at its end, so that a finished one is told from any
// other.
//
//   part = "CELEREP1" | sources x counts (kept, dropped by reason, text bytes: u64 each)
//        | streams x (documents: u64, bytes: u64) | streams x (sizes: i32 each, tokens)
//        | hash of all before: 2 x u64
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/data.hpp"
#include "tokens/bucket.hpp"
#include "tokens/mmap.hpp"
#include "tokens/shard.hpp"
#include "tokens/tokenizer.hpp"

namespace celere::tokens {

// Where the documents of a source go.
struct StreamPlan {
  std::vector<std::size_t> editions;  // by source
  std::vector<double> validation;     // by source: share of the documents
  std::vector<std::size_t> first;     // by source: its first stream
  std::size_t streams = 0;            // of all: a source has its editions and validation
  std::size_t validation_of(std::size_t source) const { return first[source] + editions[source]; }
};
StreamPlan plan_streams(const spec::DataSpec& data);

// Whether a document is held out: by its key, or by itself where it has none.
bool is_held_out(const Document& document, const Hash128& hash, double share, std::uint64_t seed);

std::string part_name(std::size_t bucket);

// The bytes of a part, and how much text was encoded for it.
struct PartBytes {
  std::string bytes;
  std::uint64_t encoded_bytes = 0, encoded_tokens = 0;
};
PartBytes make_part(const BucketContent& content, const StreamPlan& plan, std::uint64_t seed,
                    TokenType type, Encoder& encoder);

class Part {
 public:
  // Errors: not_found, corrupt.
  static Result<Part> open(const std::string& path, const StreamPlan& plan);
  const std::vector<Counts>& counts() const { return counts_; }
  const std::vector<std::uint64_t>& text_bytes() const { return text_bytes_; }
  std::vector<std::int32_t> sizes(std::size_t stream) const;
  std::string_view tokens(std::size_t stream) const;

 private:
  struct Place {
    std::uint64_t documents = 0, bytes = 0;
    std::uint64_t at = 0;  // of the sizes
  };
  Mmap file_;
  std::vector<Counts> counts_;
  std::vector<std::uint64_t> text_bytes_;
  std::vector<Place> places_;
};

}  // namespace celere::tokens
