// A checkpoint that is being opened, file by file: from the memory of nodes, from what a peer gave,
// or from the disk. together.cpp has the order of it; what one process does is here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/reader.hpp"

namespace celere::checkpoint {

class Opening {
 public:
  // Reads the manifest, which says what is needed. Storage and options must outlive the opening.
  // Errors: those of files and manifest.
  static Result<Opening> begin(const Storage& storage, const std::string& folder,
                               const OpenOptions& options);

  const Manifest& manifest() const { return out_.manifest_; }
  const std::string& manifest_checksum() const { return manifest_checksum_; }

  // Files hold something that this process wants, or all where it did not say; in order.
  const std::vector<std::size_t>& needed() const { return needed_; }
  bool is_open(std::size_t file) const { return out_.files_[file].has_value(); }
  // It wants half of the file's bytes or more: a file of which it reads less is not worth passing.
  bool reads_most_of(std::size_t file) const;

  // From the first of the memories where a good copy lies; false where there is none.
  bool open_in_memory(std::size_t file);
  // Copies of the right size in the memories, good ones or not; without those that were found bad.
  std::vector<std::size_t> held() const;
  // Of such a copy, to give away. Errors: io, not_found.
  Result<MappedFile> copy_of(std::size_t file) const;

  // What `fill` puts into memory of the file's size; false where it fails or is not the file. It is
  // called in any case, with no memory at all where there is not enough.
  bool open_filled(std::size_t file, const std::function<Status(std::span<std::byte>)>& fill);

  // Errors: corrupt, io.
  Status open_on_disk(std::size_t file, Verify verify);
  // The same, of a file that nobody reads.
  Status check_on_disk(std::size_t file, Verify verify) const;

  // REQUIRES: all that is needed is open.
  Checkpoint finish() &&;

 private:
  Opening(const Storage& storage, const OpenOptions& options)
      : storage_(&storage), options_(&options) {}
  void find_pieces();
  // The file against what the manifest says of it. Errors: corrupt.
  Result<SafetensorsFile> checked(std::size_t file, MappedFile map, const std::string& path,
                                  Verify verify) const;
  Result<SafetensorsFile> checked_on_disk(std::size_t file, Verify verify) const;
  std::string path_in(const std::string& memory, std::size_t file) const;

  struct PieceOf {
    std::size_t tensor, piece;  // in the manifest
  };
  const Storage* storage_;
  const OpenOptions* options_;
  Checkpoint out_;
  std::string manifest_checksum_;
  std::vector<std::vector<PieceOf>> pieces_;  // of each file
  std::vector<std::int64_t> wanted_bytes_;    // of each file, where it said what it wants
  std::vector<std::size_t> needed_;
  std::vector<bool> is_bad_;  // a copy of the file in a memory
};

}  // namespace celere::checkpoint
