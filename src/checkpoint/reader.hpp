// Finds, verifies and reads checkpoints, under any layout: a wanted slice is put together from
// whichever stored pieces it cuts. No more is held in memory than what the caller asks for.
//
// Where copies of files lie in the memory of nodes (memory.hpp), each file is taken from there, and
// from the disk where there is none or what lies there is not what the manifest says. Processes
// that open one checkpoint together (peers.hpp) share the work: each verifies what it reads itself,
// a part of what nobody reads, and gives to others what lies in its node's memory and not in
// theirs. All refuse a checkpoint alike, whoever found the fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/peers.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

struct Committed {
  std::int64_t step = 0;
  std::string folder;
};

// Folders that hold a manifest, newest first.
std::vector<Committed> committed(const Storage& storage, const std::string& checkpoints);

// quick: the manifest's own checksum, each file's size, and its header against the manifest. deep:
// the checksum of every file too, so every byte is read once.
enum class Verify { quick, deep };

// What a training needs to find in a checkpoint.
struct Expected {
  std::string name;
  DataType dtype = DataType::f32;
  Shape shape;  // global
};

// Whether a checkpoint may hold more: who only answers questions needs no optimizer.
enum class Extras { refused, fine };

// A part of a tensor that a process will read.
struct Wanted {
  std::string name;
  Slice slice;
};

struct OpenOptions {
  Verify verify = Verify::deep;
  // Of all that this process will read; read() refuses the rest. Empty: it may read anything, and
  // opens every file.
  std::vector<Wanted> wanted = {};
  // Folders of nodes' memory that this process sees, the nearest first. What lies there is verified
  // to the last byte, whatever `verify` says, before it is used.
  std::vector<std::string> memories = {};
  // newest_good looks at none of later steps: they may be good files and yet not trusted.
  std::int64_t step_max = std::numeric_limits<std::int64_t>::max();
};

// Bytes of the files that a process has open, by where they are; and the copies in memory that it
// passed over, with what is wrong with them.
struct Sources {
  std::int64_t memory_bytes = 0;
  std::int64_t peers_bytes = 0;  // given by other processes, out of memory of theirs
  std::int64_t disk_bytes = 0;
  std::vector<Error> passed_over;
};

class Checkpoint {
 public:
  // Errors: not_found, io; corrupt or unsupported with file, tensor and what is wrong.
  static Result<Checkpoint> open(const Storage& storage, const std::string& folder, Verify verify);
  static Result<Checkpoint> open(const Storage& storage, const std::string& folder,
                                 const OpenOptions& options);

  const Manifest& manifest() const { return manifest_; }
  const std::string& folder() const { return folder_; }
  const Sources& sources() const { return sources_; }

  // The same tensors, types and shapes, no fewer and, unless extras are fine, no more. Errors:
  // bad_input, naming each (the first ten) that is missing, of another shape or type, or too many.
  Status compare(std::span<const Expected> expected, Extras extras = Extras::refused) const;

  // Fills `into`, which is the slice in row-major order. Errors: not_found; bad_input where slice
  // or size do not fit, or lie in a file that holds nothing of what was wanted.
  Status read(std::string_view name, const Slice& slice, std::span<std::byte> into) const;
  Status read(std::string_view name, std::span<std::byte> into) const;  // all of it

  // Errors: corrupt where the state has no such key, or one of another kind.
  Result<std::int64_t> state_integer(const std::string& key) const;
  Result<double> state_number(const std::string& key) const;
  Result<std::string> state_text(const std::string& key) const;

 private:
  friend class Opening;
  Checkpoint() = default;
  std::string folder_;
  Manifest manifest_;
  std::vector<std::optional<SafetensorsFile>> files_;  // as in manifest_.files
  Sources sources_;
  std::map<std::string, std::size_t, std::less<>> places_;  // of a tensor's name in the manifest
};

struct Refused {
  Committed which;
  Error why;
};

struct Newest {
  std::optional<Checkpoint> checkpoint;  // nothing: no good one
  std::vector<Refused> refused;          // newer ones, newest first
};

// The newest that verifies, and why newer ones do not.
Newest newest_good(const Storage& storage, const std::string& checkpoints,
                   Verify verify = Verify::deep);
Newest newest_good(const Storage& storage, const std::string& checkpoints,
                   const OpenOptions& options);

// The same one for all peers, out of the list of rank 0. All call it, each with what it will read.
// Errors: io, where a peer is gone.
Result<Newest> newest_good(const Storage& storage, const std::string& checkpoints,
                           const OpenOptions& options, Peers& peers);

}  // namespace celere::checkpoint
