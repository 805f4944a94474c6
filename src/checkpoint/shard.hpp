// What one process writes of a checkpoint, and how shards become one.
//
// Each process writes its pieces into the checkpoint's folder as a shard; one of them merges the
// shards' lists and commits. With one process there is one shard.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

// A piece of a tensor, as it lies in memory: row-major, without gaps.
struct TensorView {
  std::string name;
  DataType dtype = DataType::f32;
  Shape shape;  // global
  Slice slice;  // which part of it `bytes` holds; whole(shape) where this process has all
  std::span<const std::byte> bytes;
};

// Errors: bad_input for a view whose slice lies outside its shape or whose bytes do not fit it, a
// name that is empty or no UTF-8, or two views of a tensor that differ in shape or type.
Status check_views(std::span<const TensorView> views);

// The list of what a shard of these views will hold; nothing is written. REQUIRES: check_views.
std::vector<StoredTensor> listed(std::span<const TensorView> views);

// Writes and syncs a shard of process `rank`, under a name that is free in the folder. On an error
// nothing of it is left. Errors: io. REQUIRES: check_views.
Result<Shard> write_shard(Storage& storage, const std::string& folder, int rank,
                          std::span<const TensorView> views);

// Files and tensors of all shards; a tensor's pieces together. Errors: bad_input for a tensor of
// two shapes or types.
Result<Manifest> merge(std::span<const Shard> shards);

// After all shards are on disk: syncs their names, then puts the manifest in place by one rename.
// Errors: bad_input, io.
Status commit(Storage& storage, const std::string& folder, const Manifest& manifest);

// Removes what no manifest of the folder speaks of, as a killed or failed save leaves it; and the
// folder where it has none. A manifest that cannot be read keeps everything. Errors: io.
Status remove_leftovers(Storage& storage, const std::string& folder);

// Manifest first: what is half removed is no checkpoint. Errors: io.
Status remove_checkpoint(Storage& storage, const std::string& folder);

}  // namespace celere::checkpoint
