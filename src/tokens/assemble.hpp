// The last step of a build: parts, bucket after bucket, become shards.
#pragma once

#include <cstdint>
#include <string>

#include "base/files.hpp"
#include "base/result.hpp"
#include "tokens/manifest.hpp"
#include "tokens/part.hpp"
#include "tokens/token_stream.hpp"

namespace celere::tokens {

struct Assembly {
  std::string folder;  // of the corpus
  std::string parts;   // their folder
  std::size_t count = 0;
  TokenType type = TokenType::u16;
  std::uint64_t shard_bytes = 0;  // a new shard begins before one would pass this
};

// Fills in the shards of the manifest's sources, and adds up their counts. Errors: io, corrupt.
Status assemble(Files& files, const Assembly& assembly, const StreamPlan& plan, Manifest& manifest);

}  // namespace celere::tokens
