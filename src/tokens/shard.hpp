// Shards in the format of Megatron-LM's indexed data sets: NAME.bin has the tokens one behind the
// other, NAME.idx says where each document lies.
//
//   idx = "MMIDIDX\0\0" | version: u64 = 1 | type: u8 | sequences: u64 = n | documents: u64 = m
//         | sizes: n x i32, in tokens | pointers: n x i64, in bytes of the .bin
//         | documents: m x i64, each the first sequence of a document, and n at the end
//
// all little-endian. Types: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 6 f64, 7 f32, 8 u16. Here a sequence
// is a document (m = n + 1), and tokens are u16 where the vocabulary fits, else i32; files of
// others are read where that holds for their types and the sequences lie one behind the other.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "tokens/hash.hpp"
#include "tokens/mmap.hpp"

namespace celere::tokens {

enum class TokenType : std::uint8_t { i32 = 4, u16 = 8 };
TokenType token_type(std::int32_t vocabulary);
std::size_t bytes_of(TokenType type);

// What a manifest says of a shard.
struct ShardEntry {
  std::string name;  // of both files, without .bin and .idx
  std::uint64_t documents = 0, tokens = 0;
  std::uint64_t bin_bytes = 0, idx_bytes = 0;
  std::string bin_hash, idx_hash;
};

// The bytes of a .idx file of documents of these sizes.
std::string written_index(const std::vector<std::int32_t>& sizes, TokenType type);

// What stands in the head of a .idx file. Errors: corrupt, unsupported; `path` is for messages.
struct IndexHead {
  TokenType type = TokenType::u16;
  std::uint64_t documents = 0;
};
Result<IndexHead> parse_index(std::string_view bytes, std::uint64_t bin_bytes,
                              const std::string& path);

// Writes one shard: the .bin as it comes, the .idx at the end, both synced.
class ShardWriter {
 public:
  // Errors: io.
  static Result<ShardWriter> create(const std::string& folder, const std::string& name,
                                    TokenType type);
  // Tokens of any number of documents, as they lie in a .bin, and the size of each.
  Status add(std::string_view tokens, const std::vector<std::int32_t>& sizes);
  std::uint64_t bin_bytes() const { return bin_bytes_; }
  Result<ShardEntry> finish(Files& files);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  ShardWriter() = default;
  std::string folder_, name_;
  TokenType type_ = TokenType::u16;
  std::unique_ptr<std::FILE, Close> file_;
  std::unique_ptr<Hasher> hasher_;
  std::vector<std::int32_t> sizes_;
  std::uint64_t bin_bytes_ = 0;
};

class Shard {
 public:
  // `path` without .bin and .idx. Errors: not_found, corrupt, unsupported.
  static Result<Shard> open(const std::string& path);

  std::uint64_t documents() const { return head_.documents; }
  std::uint64_t tokens() const { return tokens_; }
  // The first token of a document. REQUIRES: index <= documents().
  std::uint64_t begin_of(std::uint64_t index) const;
  // The document in which a token lies. REQUIRES: token < tokens().
  std::uint64_t document_at(std::uint64_t token) const;
  // REQUIRES: begin + count <= tokens().
  void copy(std::uint64_t begin, std::size_t count, std::int32_t* out) const;
  std::uint64_t bin_bytes() const { return bin_.bytes().size(); }
  std::uint64_t idx_bytes() const { return idx_.bytes().size(); }

 private:
  Mmap bin_, idx_;
  IndexHead head_;
  std::uint64_t tokens_ = 0;
};

}  // namespace celere::tokens
