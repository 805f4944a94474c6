#include "tokens/bucket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

namespace celere::tokens {
namespace {

constexpr std::uint64_t bucket_bytes = 4'000'000;
constexpr std::size_t waiting_bytes = std::size_t{16} << 20;  // of all buckets together

}  // namespace

std::size_t bucket_count(std::uint64_t bytes) {
  return std::clamp<std::size_t>((bytes + bucket_bytes - 1) / bucket_bytes, 8, 4096);
}

std::string bucket_name(std::size_t bucket) { return fmt::format("bucket-{:04}", bucket); }

BucketWriter::BucketWriter(std::string folder, std::size_t count, std::uint64_t seed)
    : folder_(std::move(folder)), seed_(seed), buckets_(count) {}

Status BucketWriter::add(const Document& document) {
  const auto high = static_cast<unsigned __int128>(hash_of(document, seed_).high);
  const auto bucket = static_cast<std::size_t>((high * buckets_.size()) >> 64);
  write_document(document, buckets_[bucket].waiting);
  if (buckets_[bucket].waiting.size() < waiting_bytes / buckets_.size()) return Done{};
  return write(bucket, false);
}

Status BucketWriter::write(std::size_t bucket, bool sync) {
  Bucket& one = buckets_[bucket];
  const std::string path = folder_ + "/" + bucket_name(bucket);
  const auto failed = [&path] {
    return Error{ErrorCode::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)), {}};
  };
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return failed();
  std::string_view rest = one.waiting;
  while (!rest.empty()) {
    const ssize_t done = ::write(file, rest.data(), rest.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      Error error = failed();
      ::close(file);
      return error;
    }
    rest.remove_prefix(static_cast<std::size_t>(done));
  }
  const bool fine = !sync || ::fsync(file) == 0;
  ::close(file);
  if (!fine) return failed();
  one.hasher->add(one.waiting);
  one.bytes += one.waiting.size();
  one.waiting.clear();
  if (one.waiting.capacity() > 2 * waiting_bytes / buckets_.size()) one.waiting.shrink_to_fit();
  return Done{};
}

Result<std::vector<BucketEntry>> BucketWriter::finish() {
  std::vector<BucketEntry> entries;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    RETURN_IF_ERROR(write(i, true));
    entries.push_back({.bytes = buckets_[i].bytes, .hash = written(buckets_[i].hasher->hash())});
  }
  return entries;
}

Result<BucketContent> load_bucket(const Files& files, const std::string& path,
                                  const BucketEntry& entry, std::uint64_t seed,
                                  const Filters& filters, std::size_t sources) {
  ASSIGN_OR_RETURN(const std::string bytes, files.read(path));
  if (bytes.size() != entry.bytes || written(hash128(bytes)) != entry.hash) {
    return Error{
        ErrorCode::corrupt,
        fmt::format("{}: is not what was written there: remove the folder and build again", path),
        {}};
  }
  BucketContent content;
  content.counts.resize(sources);
  std::vector<Document> all;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(Document document, read_document(rest));
    CHECK_LT(document.source, sources);
    if (const std::optional<Dropped> reason = filters.reason(document)) {
      content.counts[document.source].drop(*reason);
    } else {
      document.about = std::string();
      all.push_back(std::move(document));
    }
  }
  std::vector<Hash128> hashes;
  hashes.reserve(all.size());
  for (const Document& document : all) hashes.push_back(hash_of(document, seed));
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (hashes[a] != hashes[b]) return hashes[a] < hashes[b];
    return all[a].ordinal < all[b].ordinal;
  });
  for (const std::size_t i : order) {
    Counts& counts = content.counts[all[i].source];
    if (!content.hashes.empty() && content.hashes.back() == hashes[i]) {
      counts.drop(Dropped::duplicate);
      continue;
    }
    ++counts.kept;
    content.hashes.push_back(hashes[i]);
    content.documents.push_back(std::move(all[i]));
  }
  return content;
}

}  // namespace celere::tokens
