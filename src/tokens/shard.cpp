#include "tokens/shard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "base/check.hpp"

namespace celere::tokens {
namespace {

constexpr std::string_view magic = std::string_view("MMIDIDX\0\0", 9);
constexpr std::size_t head_bytes = 9 + 8 + 1 + 8 + 8;

template <typename Number>
void put(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// The head has 34 bytes, so that nothing behind it is aligned.
template <typename Number>
Number number_at(std::string_view bytes, std::uint64_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::uint64_t pointers_at(std::uint64_t documents) { return head_bytes + 4 * documents; }

Error wrong(const std::string& path, const std::string& what) {
  return {ErrorCode::corrupt, fmt::format("{}: {}", path, what), {}};
}

// The documents lie one behind the other and fill the .bin; each is a document of its own.
Status check_places(std::string_view bytes, const IndexHead& head, std::uint64_t bin_bytes,
                    const std::string& path) {
  const std::uint64_t width = bytes_of(head.type), count = head.documents;
  const std::uint64_t pointers = pointers_at(count), firsts = pointers + 8 * count;
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto size = number_at<std::int32_t>(bytes, head_bytes + 4 * i);
    if (size < 1) return wrong(path, fmt::format("document {} has {} tokens", i, size));
    if (number_at<std::uint64_t>(bytes, pointers + 8 * i) != next) {
      return wrong(path, fmt::format("document {} does not begin where the one before ends", i));
    }
    if (number_at<std::uint64_t>(bytes, firsts + 8 * i) != i) {
      return wrong(path, fmt::format("sequence {} is no document of its own", i));
    }
    next += width * static_cast<std::uint64_t>(size);
  }
  if (number_at<std::uint64_t>(bytes, firsts + 8 * count) != count) {
    return wrong(path, "the list of documents has another end than that of sequences");
  }
  if (next != bin_bytes) {
    return wrong(path, fmt::format("speaks of {} bytes of tokens, and the .bin file has {}", next,
                                   bin_bytes));
  }
  return Done{};
}

Error failed(const char* doing, const std::string& path) {
  return {ErrorCode::io, fmt::format("cannot {} {}: {}", doing, path, std::strerror(errno)), {}};
}

}  // namespace

TokenType token_type(std::int32_t vocabulary) {
  return vocabulary <= std::numeric_limits<std::uint16_t>::max() + 1 ? TokenType::u16
                                                                     : TokenType::i32;
}

std::size_t bytes_of(TokenType type) { return type == TokenType::u16 ? 2 : 4; }

std::string written_index(const std::vector<std::int32_t>& sizes, TokenType type) {
  std::string bytes(magic);
  bytes.reserve(head_bytes + 20 * sizes.size() + 8);
  put(bytes, std::uint64_t{1});
  put(bytes, static_cast<std::uint8_t>(type));
  put(bytes, std::uint64_t{sizes.size()});
  put(bytes, std::uint64_t{sizes.size() + 1});
  for (const std::int32_t size : sizes) put(bytes, size);
  std::uint64_t next = 0;
  for (const std::int32_t size : sizes) {
    put(bytes, next);
    next += bytes_of(type) * static_cast<std::uint64_t>(size);
  }
  for (std::uint64_t i = 0; i <= sizes.size(); ++i) put(bytes, i);
  return bytes;
}

Result<IndexHead> parse_index(std::string_view bytes, std::uint64_t bin_bytes,
                              const std::string& path) {
  if (bytes.size() < head_bytes || !bytes.starts_with(magic)) {
    return wrong(path, "is no index of Megatron-LM's format");
  }
  if (number_at<std::uint64_t>(bytes, 9) != 1) {
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: is of version {}, and 1 is known here", path,
                             number_at<std::uint64_t>(bytes, 9)),
                 {}};
  }
  const auto type = number_at<std::uint8_t>(bytes, 17);
  if (type != static_cast<std::uint8_t>(TokenType::i32) &&
      type != static_cast<std::uint8_t>(TokenType::u16)) {
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: has tokens of type {}; 4 (i32) and 8 (u16) are read", path, type),
                 {}};
  }
  const IndexHead head{.type = static_cast<TokenType>(type),
                       .documents = number_at<std::uint64_t>(bytes, 18)};
  if (number_at<std::uint64_t>(bytes, 26) != head.documents + 1) {
    return wrong(path, "has documents of more than one sequence, or of none");
  }
  const std::uint64_t room = bytes.size() - head_bytes;
  if (room < 8 || (room - 8) % 20 != 0 || (room - 8) / 20 != head.documents) {
    return wrong(path, fmt::format("has {} bytes for {} documents: it is cut short or too long",
                                   bytes.size(), head.documents));
  }
  RETURN_IF_ERROR(check_places(bytes, head, bin_bytes, path));
  return head;
}

Result<ShardWriter> ShardWriter::create(const std::string& folder, const std::string& name,
                                        TokenType type) {
  ShardWriter writer;
  writer.folder_ = folder;
  writer.name_ = name;
  writer.type_ = type;
  const std::string path = folder + "/" + name + ".bin";
  writer.file_.reset(std::fopen(path.c_str(), "wbe"));
  if (writer.file_ == nullptr) return failed("write", path);
  writer.hasher_ = std::make_unique<Hasher>();
  return writer;
}

Status ShardWriter::add(std::string_view tokens, const std::vector<std::int32_t>& sizes) {
  if (std::fwrite(tokens.data(), 1, tokens.size(), file_.get()) != tokens.size()) {
    return failed("write", folder_ + "/" + name_ + ".bin");
  }
  hasher_->add(tokens);
  bin_bytes_ += tokens.size();
  sizes_.insert(sizes_.end(), sizes.begin(), sizes.end());
  return Done{};
}

Result<ShardEntry> ShardWriter::finish(Files& files) {
  const std::string path = folder_ + "/" + name_;
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) {
    return failed("write", path + ".bin");
  }
  file_.reset();
  const std::string index = written_index(sizes_, type_);
  RETURN_IF_ERROR(files.write(path + ".idx", index));
  return ShardEntry{.name = name_,
                    .documents = sizes_.size(),
                    .tokens = bin_bytes_ / bytes_of(type_),
                    .bin_bytes = bin_bytes_,
                    .idx_bytes = index.size(),
                    .bin_hash = written(hasher_->hash()),
                    .idx_hash = written(hash128(index))};
}

Result<Shard> Shard::open(const std::string& path) {
  Shard shard;
  ASSIGN_OR_RETURN(shard.idx_, Mmap::open(path + ".idx"));
  ASSIGN_OR_RETURN(shard.bin_, Mmap::open(path + ".bin"));
  ASSIGN_OR_RETURN(shard.head_,
                   parse_index(shard.idx_.bytes(), shard.bin_.bytes().size(), path + ".idx"));
  shard.tokens_ = shard.bin_.bytes().size() / bytes_of(shard.head_.type);
  return shard;
}

std::uint64_t Shard::begin_of(std::uint64_t index) const {
  CHECK_LE(index, documents());
  if (index == documents()) return tokens_;
  return number_at<std::uint64_t>(idx_.bytes(), pointers_at(documents()) + 8 * index) /
         bytes_of(head_.type);
}

std::uint64_t Shard::document_at(std::uint64_t token) const {
  CHECK_LT(token, tokens_);
  std::uint64_t low = 0, high = documents();  // begin_of(low) <= token < begin_of(high)
  while (high - low > 1) {
    const std::uint64_t half = low + (high - low) / 2;
    (begin_of(half) <= token ? low : high) = half;
  }
  return low;
}

void Shard::copy(std::uint64_t begin, std::size_t count, std::int32_t* out) const {
  CHECK_LE(begin + count, tokens_);
  const char* from = bin_.bytes().data() + begin * bytes_of(head_.type);
  if (head_.type == TokenType::i32) {
    std::memcpy(out, from, count * sizeof *out);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t token = 0;
    std::memcpy(&token, from + 2 * i, sizeof token);
    out[i] = token;
  }
}

}  // namespace celere::tokens
