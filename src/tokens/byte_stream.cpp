#include "tokens/byte_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace celere::tokens {
namespace {

constexpr std::size_t chunk_bytes = 1 << 18;

Error damaged(const std::string& path, const std::string& why) {
  return {ErrorCode::corrupt, fmt::format("{}: {}", path, why), {}};
}

// The file as it lies on the disk.
class PlainStream : public ByteStream {
 public:
  PlainStream(int file, std::string path) : file_(file), path_(std::move(path)) {}
  ~PlainStream() override { ::close(file_); }
  PlainStream(const PlainStream&) = delete;
  PlainStream& operator=(const PlainStream&) = delete;

  // What the first bytes are; read() gives them again. To be called once, before it.
  Result<std::string_view> peek(std::size_t count) {
    head_.resize(count);
    ASSIGN_OR_RETURN(const std::size_t got, read_file(head_));
    head_.resize(got);
    return std::string_view(head_);
  }

  Result<std::size_t> read(std::span<char> room) override {
    const std::size_t again = std::min(room.size(), head_.size() - head_used_);
    std::memcpy(room.data(), head_.data() + head_used_, again);
    head_used_ += again;
    ASSIGN_OR_RETURN(const std::size_t got, read_file(room.subspan(again)));
    return again + got;
  }

  std::uint64_t file_bytes() const override { return bytes_; }
  Hash128 file_hash() const override { return hasher_.hash(); }
  const std::string& path() const { return path_; }

 private:
  Result<std::size_t> read_file(std::span<char> room) {
    std::size_t done = 0;
    while (done < room.size()) {
      const ssize_t count = ::read(file_, room.data() + done, room.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        return Error{
            ErrorCode::io, fmt::format("cannot read {}: {}", path_, std::strerror(errno)), {}};
      }
      if (count == 0) break;
      hasher_.add({room.data() + done, static_cast<std::size_t>(count)});
      bytes_ += static_cast<std::uint64_t>(count);
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  int file_;
  std::string path_;
  std::string head_;
  std::size_t head_used_ = 0;
  std::uint64_t bytes_ = 0;
  Hasher hasher_;
};

class PackedStream : public ByteStream {
 public:
  explicit PackedStream(std::unique_ptr<PlainStream> plain)
      : plain_(std::move(plain)), packed_(chunk_bytes) {}
  std::uint64_t file_bytes() const override { return plain_->file_bytes(); }
  Hash128 file_hash() const override { return plain_->file_hash(); }

 protected:
  // More packed bytes; none at the end of the file.
  Result<std::span<const char>> more() {
    ASSIGN_OR_RETURN(const std::size_t count, plain_->read(packed_));
    return std::span<const char>(packed_.data(), count);
  }
  const std::string& path() const { return plain_->path(); }

 private:
  std::unique_ptr<PlainStream> plain_;
  std::vector<char> packed_;
};

class GzipStream : public PackedStream {
 public:
  explicit GzipStream(std::unique_ptr<PlainStream> plain) : PackedStream(std::move(plain)) {
    constexpr int gzip_only = 16 + MAX_WBITS;
    CHECK_EQ(inflateInit2(&state_, gzip_only), Z_OK);
  }
  ~GzipStream() override { inflateEnd(&state_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  Result<std::size_t> read(std::span<char> room) override {
    std::size_t done = 0;
    while (done < room.size()) {
      if (state_.avail_in == 0) {
        ASSIGN_OR_RETURN(const std::span<const char> packed, more());
        if (packed.empty()) {
          if (inside_) return damaged(path(), "the gzip file is cut short");
          break;
        }
        state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
        state_.avail_in = static_cast<uInt>(packed.size());
      }
      if (!inside_) inflateReset(&state_);  // a gzip file may be several, one behind the other
      inside_ = true;
      const std::size_t room_left = std::min<std::size_t>(room.size() - done, 1u << 30);
      state_.next_out = reinterpret_cast<Bytef*>(room.data() + done);
      state_.avail_out = static_cast<uInt>(room_left);
      const int code = inflate(&state_, Z_NO_FLUSH);
      done += room_left - state_.avail_out;
      if (code == Z_STREAM_END) {
        inside_ = false;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return damaged(path(), "the gzip file is damaged");
      }
    }
    return done;
  }

 private:
  z_stream state_{};
  bool inside_ = false;
};

class ZstdStream : public PackedStream {
 public:
  explicit ZstdStream(std::unique_ptr<PlainStream> plain)
      : PackedStream(std::move(plain)), state_(ZSTD_createDStream()) {
    CHECK(state_ != nullptr);
  }
  ~ZstdStream() override { ZSTD_freeDStream(state_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

  Result<std::size_t> read(std::span<char> room) override {
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    while (out.pos < out.size) {
      if (in_.pos == in_.size && !full_) {
        ASSIGN_OR_RETURN(const std::span<const char> packed, more());
        if (packed.empty()) {
          if (inside_) return damaged(path(), "the zstd file is cut short");
          break;
        }
        in_ = {packed.data(), packed.size(), 0};
      }
      const std::size_t left = ZSTD_decompressStream(state_, &out, &in_);
      if (ZSTD_isError(left) != 0) {
        return damaged(path(),
                       fmt::format("the zstd file is damaged: {}", ZSTD_getErrorName(left)));
      }
      inside_ = left != 0;
      full_ = inside_ && out.pos == out.size;  // there may be more without new input
    }
    return out.pos;
  }

 private:
  ZSTD_DStream* state_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool inside_ = false;
  bool full_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> open_stream(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return Error{errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("cannot read {}: {}", path, std::strerror(errno)),
                 {}};
  }
  auto plain = std::make_unique<PlainStream>(file, path);
  ASSIGN_OR_RETURN(const std::string_view head, plain->peek(4));
  using namespace std::string_view_literals;
  if (head.starts_with("\x1f\x8b"sv)) {
    return std::unique_ptr<ByteStream>(std::make_unique<GzipStream>(std::move(plain)));
  }
  if (head == "\x28\xb5\x2f\xfd"sv) {
    return std::unique_ptr<ByteStream>(std::make_unique<ZstdStream>(std::move(plain)));
  }
  return std::unique_ptr<ByteStream>(std::move(plain));
}

Result<std::string> read_all(ByteStream& stream, std::uint64_t limit, bool& too_long) {
  std::string text;
  std::string chunk(chunk_bytes, '\0');
  too_long = false;
  while (true) {
    ASSIGN_OR_RETURN(const std::size_t count, stream.read(chunk));
    if (count == 0) return text;
    if (too_long || text.size() + count > limit) {
      too_long = true;
      text = std::string();
    } else {
      text.append(chunk.data(), count);
    }
  }
}

}  // namespace celere::tokens
