// building/state.json: how far a build has come, so that one that was killed goes on. It is written
// when all documents lie in their buckets; what comes later (tokenizer, parts) proves itself by its
// own hash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tokens/bucket.hpp"
#include "tokens/manifest.hpp"
#include "tokens/reader.hpp"

namespace celere::tokens {

struct BuildState {
  std::string made_from;
  std::vector<BucketEntry> buckets;
  std::vector<ReadResult> sources;
};

std::string written_state(const BuildState& state);
// Errors: corrupt.
Result<BuildState> parse_state(std::string_view json, const std::string& path);

}  // namespace celere::tokens
