// The manifest of a checkpoint: what it holds, where each piece lies, and that nothing is missing.
//
//   step-000000120/
//     rank-00000.safetensors     the pieces that one process wrote
//     manifest.json              written last, by rename: with it the checkpoint exists
//
// manifest.json is an object whose first line is {"xxh3_128": "...", : the checksum of all bytes
// after that line, so that no bit of it flips unseen. Then
//
//   "version"       1
//   "step", "code_version", "model", "inventory", "layout"
//   "files"         [{"name", "bytes", "xxh3_128"}]
//   "tensors"       [{"name", "dtype", "shape", "pieces": [{"file", "offset", "extent"}]}]
//   "state"         {"cursor": ..., "prng": ...}: numbers and texts
//
// `file` counts in "files". In its file a piece has the tensor's name, or that of "key" where one
// file holds several pieces of a tensor. The pieces of a tensor tile its shape. A file's name is a
// plain one: letters, digits, dot, dash and underscore, no dot first; so it cannot lead elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/data_type.hpp"
#include "checkpoint/slice.hpp"

namespace celere::checkpoint {

inline constexpr const char* manifest_name = "manifest.json";
inline constexpr int format_version = 1;
inline constexpr std::size_t manifest_bytes_max = std::size_t{256} << 20;

// Finite numbers, and texts in UTF-8 (which may hold JSON of their own).
using StateValue = std::variant<std::int64_t, double, std::string>;
using State = std::map<std::string, StateValue>;

struct StoredFile {
  std::string name;
  std::int64_t bytes = 0;
  std::string checksum;  // XXH3, 128 bits, in hexadecimal
  friend bool operator==(const StoredFile&, const StoredFile&) = default;
};

struct Piece {
  std::size_t file = 0;  // in Manifest::files
  std::string key;       // its name in that file
  Slice slice;
  friend bool operator==(const Piece&, const Piece&) = default;
};

struct StoredTensor {
  std::string name;
  DataType dtype = DataType::f32;
  Shape shape;  // global
  std::vector<Piece> pieces;
  friend bool operator==(const StoredTensor&, const StoredTensor&) = default;
};

// What one process wrote.
struct Shard {
  StoredFile file;
  std::vector<StoredTensor> tensors;  // their pieces in this file, which counts as 0
  friend bool operator==(const Shard&, const Shard&) = default;
};

// Who wrote a checkpoint and of what.
struct About {
  std::string code_version;
  std::string model;      // its name
  std::string inventory;  // a hash of the model's tensors
  std::string layout;     // as text
  friend bool operator==(const About&, const About&) = default;
};

struct Manifest {
  std::int64_t step = 0;
  About about;
  std::vector<StoredFile> files;
  std::vector<StoredTensor> tensors;
  State state;

  const StoredTensor* find(std::string_view name) const;  // nothing where there is none
  std::int64_t bytes() const;                             // of all files
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// Text that parse_manifest reads back as the same. Errors: bad_input where state or names are not
// UTF-8, a number is not finite, or the pieces of a tensor do not tile it.
Result<std::string> written_manifest(const Manifest& manifest);

// `file` is what messages call it. Errors: corrupt, with what is wrong and where; unsupported for a
// later version.
Result<Manifest> parse_manifest(std::string_view text, const std::string& file);

// What a process tells the one that commits: {"file", "tensors"} as in a manifest. Errors: corrupt.
std::string written_shard(const Shard& shard);
Result<Shard> parse_shard(std::string_view text);

// "step-000000120"; the step of such a name, or nothing.
std::string folder_name_of_step(std::int64_t step);
std::optional<std::int64_t> step_of_folder_name(std::string_view name);

bool is_plain_name(std::string_view name);

}  // namespace celere::checkpoint
