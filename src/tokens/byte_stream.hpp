// The bytes of a file from its beginning to its end, unpacked where it is a gzip or zstd file (told
// by its first bytes, whatever its name), in bounded memory. The bytes of the file itself are
// counted and hashed on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "tokens/hash.hpp"

namespace celere::tokens {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills from the front; fewer only at the end, then 0. Errors: io, corrupt (a packed file that is
  // cut short or damaged).
  virtual Result<std::size_t> read(std::span<char> room) = 0;
  // Of what was read of the file so far: all of it once read() has given 0.
  virtual std::uint64_t file_bytes() const = 0;
  virtual Hash128 file_hash() const = 0;
};

// Errors: not_found, io, unsupported (a zstd file whose window needs more than 128 MiB is corrupt
// here, when it is read).
Result<std::unique_ptr<ByteStream>> open_stream(const std::string& path);

// All that is left of a stream, or nothing where it is more than `limit` (then read to its end).
Result<std::string> read_all(ByteStream& stream, std::uint64_t limit, bool& too_long);

}  // namespace celere::tokens
