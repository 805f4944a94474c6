#include "tokens/token_stream.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"

namespace celere::tokens {
namespace {

// The last place whose number is not above `value`.
std::size_t place(const std::vector<std::uint64_t>& before, std::uint64_t value) {
  return static_cast<std::size_t>(std::upper_bound(before.begin(), before.end(), value) -
                                  before.begin()) -
         1;
}

}  // namespace

Result<TokenStream> TokenStream::open(const std::string& folder,
                                      const std::vector<ShardEntry>& entries) {
  TokenStream stream;
  for (const ShardEntry& entry : entries) {
    const std::string path = folder + "/" + entry.name;
    ASSIGN_OR_RETURN(Shard shard, Shard::open(path));
    if (shard.bin_bytes() != entry.bin_bytes || shard.idx_bytes() != entry.idx_bytes) {
      return Error{
          ErrorCode::corrupt,
          fmt::format("{}: the shard has {} and {} bytes (.bin and .idx), and the manifest "
                      "says {} and {}",
                      path, shard.bin_bytes(), shard.idx_bytes(), entry.bin_bytes, entry.idx_bytes),
          {}};
    }
    stream.documents_.push_back(stream.documents() + shard.documents());
    stream.tokens_.push_back(stream.tokens() + shard.tokens());
    stream.shards_.push_back(std::move(shard));
  }
  return stream;
}

std::uint64_t TokenStream::begin_of(std::uint64_t document) const {
  if (document == documents()) return tokens();
  const std::size_t shard = place(documents_, document);
  return tokens_[shard] + shards_[shard].begin_of(document - documents_[shard]);
}

std::uint64_t TokenStream::document_at(std::uint64_t token) const {
  CHECK_LT(token, tokens());
  const std::size_t shard = place(tokens_, token);
  return documents_[shard] + shards_[shard].document_at(token - tokens_[shard]);
}

void TokenStream::copy(std::uint64_t begin, std::size_t count, std::int32_t* out) const {
  CHECK_LE(begin + count, tokens());
  while (count > 0) {
    const std::size_t shard = place(tokens_, begin);
    const std::size_t here = std::min<std::uint64_t>(count, tokens_[shard + 1] - begin);
    shards_[shard].copy(begin - tokens_[shard], here, out);
    begin += here;
    out += here;
    count -= here;
  }
}

std::int32_t TokenStream::token(std::uint64_t at) const {
  std::int32_t one = 0;
  copy(at, 1, &one);
  return one;
}

}  // namespace celere::tokens
