// A corpus out of texts: what `celere data build` does. docs/data.md tells its design.
//
//   FOLDER/manifest.json             written last: a folder without it holds no corpus
//   FOLDER/tokenizer/                tokenizer.hpp
//   FOLDER/SOURCE-SIDE-E-0000.bin    and .idx: shards (shard.hpp), E is the edition
//   FOLDER/building/                 while it is made: state.json, buckets, parts
//
// The corpus is a pure function of the files and the settings, whatever the number of threads and
// however often the build was killed and begun again.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/data.hpp"
#include "tokens/manifest.hpp"

namespace celere::tokens {

struct BuildOptions {
  std::string folder;
  int threads = 0;                       // 0: as many as the machine has cores
  std::function<void(double)> progress;  // a share of all work; may be empty
};

struct BuildReport {
  Manifest manifest;
  bool up_to_date = false;                // there was nothing to do
  std::size_t parts = 0, parts_kept = 0;  // of all, those of an earlier build that was killed
  Seconds reading{}, training{}, tokenising{}, writing{};
  std::uint64_t encoded_bytes = 0;  // text that was tokenised, over all editions
  std::uint64_t encoded_tokens = 0;
  std::optional<Bytes> memory_peak;  // of this process so far
};

// Errors: those of the sources and of the settings; corrupt, where what an earlier build left is
// damaged; bad_input where no document is kept.
Result<BuildReport> build_corpus(Files& files, const Clock& clock, const spec::DataSpec& data,
                                 const BuildOptions& options);

}  // namespace celere::tokens
