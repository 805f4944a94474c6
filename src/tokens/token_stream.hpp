// The documents of several shards as one stream of tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tokens/shard.hpp"

namespace celere::tokens {

class TokenStream {
 public:
  // Shards of a folder. Errors: those of a shard; corrupt where one is not as its entry says.
  static Result<TokenStream> open(const std::string& folder,
                                  const std::vector<ShardEntry>& entries);

  std::uint64_t documents() const { return documents_.back(); }
  std::uint64_t tokens() const { return tokens_.back(); }
  std::uint64_t begin_of(std::uint64_t document) const;  // REQUIRES: document <= documents()
  std::uint64_t document_at(std::uint64_t token) const;  // REQUIRES: token < tokens()
  // REQUIRES: begin + count <= tokens().
  void copy(std::uint64_t begin, std::size_t count, std::int32_t* out) const;
  std::int32_t token(std::uint64_t at) const;

 private:
  std::vector<Shard> shards_;
  std::vector<std::uint64_t> documents_ = {0};  // before each shard, and all
  std::vector<std::uint64_t> tokens_ = {0};
};

}  // namespace celere::tokens
