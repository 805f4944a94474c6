// Documents on their way to their place in the corpus.
//
// The order of a corpus is that of the hashes (under the seed) of its documents. So a document can
// be put into one of many buckets on disk by the first bits of its hash, whatever came before it,
// and each bucket be sorted in memory alone: the memory needed is that of a bucket, however large
// the corpus. Equal documents meet in a bucket, where all but the first are dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "tokens/document.hpp"

namespace celere::tokens {

// Of so many bytes of input: about 4 MB a bucket, 8 to 4096 of them.
std::size_t bucket_count(std::uint64_t bytes);
std::string bucket_name(std::size_t bucket);

struct BucketEntry {
  std::uint64_t bytes = 0;
  std::string hash;
};

// Spreads documents over the files of the buckets, in at most 16 MB of memory.
class BucketWriter {
 public:
  // The folder must hold no bucket. REQUIRES: count >= 1.
  BucketWriter(std::string folder, std::size_t count, std::uint64_t seed);
  Status add(const Document& document);
  // Writes what is left and syncs. Errors: io.
  Result<std::vector<BucketEntry>> finish();

 private:
  struct Bucket {
    std::string waiting;
    std::uint64_t bytes = 0;
    std::unique_ptr<Hasher> hasher = std::make_unique<Hasher>();
  };
  Status write(std::size_t bucket, bool sync);

  std::string folder_;
  std::uint64_t seed_;
  std::vector<Bucket> buckets_;
};

struct BucketContent {
  std::vector<Document> documents;  // kept, in the order of their hashes
  std::vector<Hash128> hashes;      // of each
  std::vector<Counts> counts;       // by source
};

// Errors: corrupt, where the bucket is not what its entry says.
Result<BucketContent> load_bucket(const Files& files, const std::string& path,
                                  const BucketEntry& entry, std::uint64_t seed,
                                  const Filters& filters, std::size_t sources);

}  // namespace celere::tokens
