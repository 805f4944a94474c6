// Finds, verifies and reads checkpoints, under any layout: a wanted slice is put together from
// whichever stored pieces it cuts. No more is held in memory than what the caller asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/manifest.hpp"
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

class Checkpoint {
 public:
  // Errors: not_found, io; corrupt or unsupported with file, tensor and what is wrong.
  static Result<Checkpoint> open(const Storage& storage, const std::string& folder, Verify verify);

  const Manifest& manifest() const { return manifest_; }
  const std::string& folder() const { return folder_; }

  // The same tensors, types and shapes, no fewer and, unless extras are fine, no more. Errors:
  // bad_input, naming each (the first ten) that is missing, of another shape or type, or too many.
  Status compare(std::span<const Expected> expected, Extras extras = Extras::refused) const;

  // Fills `into`, which is the slice in row-major order. Errors: not_found; bad_input where slice
  // or size do not fit.
  Status read(std::string_view name, const Slice& slice, std::span<std::byte> into) const;
  Status read(std::string_view name, std::span<std::byte> into) const;  // all of it

  // Errors: corrupt where the state has no such key, or one of another kind.
  Result<std::int64_t> state_integer(const std::string& key) const;
  Result<double> state_number(const std::string& key) const;
  Result<std::string> state_text(const std::string& key) const;

 private:
  Checkpoint() = default;
  std::string folder_;
  Manifest manifest_;
  std::vector<SafetensorsFile> files_;                      // as in manifest_.files
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

}  // namespace celere::checkpoint
