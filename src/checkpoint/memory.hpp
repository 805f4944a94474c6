// Copies of a checkpoint's files in the memory of nodes, so that a training that restarts reads
// them there and not from the disk [GEMINI, SOSP 2023: checkpoints in the CPU memory of peers].
//
//   FOLDER/step-000000120/rank-00003.safetensors    the same bytes and name as on the disk
//
// FOLDER lies on a tmpfs of the node and outlives the processes that write; whoever starts them
// makes and removes it, and a node that is lost takes it along. Nodes form a ring: what a rank
// writes lies in its own node's memory and, from there, in that of the next node too:
//
//   from rank r to rank (r + ranks_per_node) mod ranks
//
// so each node holds its own files and those of the node before. One lost node is read from the
// node behind it; two neighbours lost, from the disk.
//
// A save is committed first, on the disk; then the copies go round the ring; then what is not of
// this save is removed from memory. Until then the copies of the save before stay, so memory holds
// up to two saves of two nodes' files. No failure here fails a save: it is a warning. And nothing
// that lies here is believed: readers hold size and checksum against the manifest on the disk.
//
// Leaves out: a manifest in memory. It is small, and the disk is shared.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/peers.hpp"
#include "checkpoint/shard.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

struct MemoryOptions {
  std::string folder;      // of this node; empty: no copies
  int ranks_per_node = 0;  // r, r + 1, ... share a node and its folder; 0: all ranks
};

// Where a rank's copy goes, and whose copy it keeps. Nothing: there is one node alone. Errors:
// bad_input where the nodes have not equally many ranks.
struct Ring {
  int to = 0;
  int from = 0;
};
Result<std::optional<Ring>> ring_of_nodes(int rank, int ranks, int ranks_per_node);

// One rank's part. Each save calls write(), then share() or drop().
class MemoryCopies {
 public:
  // Storage and peers must outlive it.
  MemoryCopies(MemoryOptions options, Storage& storage, Peers& peers)
      : options_(std::move(options)), storage_(&storage), peers_(&peers) {}

  // write_shard, and in one go the copy in this node's memory. Errors: those of the disk.
  Result<Shard> write(const std::string& folder, std::int64_t step,
                      std::span<const TensorView> views);

  // The save is committed with these shards, one a rank: copies go round the ring, and older ones
  // are removed. All ranks call it. What any rank had to do without comes back on all of them, and
  // else what the save before could not remove; nothing, where neither was.
  std::optional<Error> share(const std::vector<Shard>& shards);

  // The save failed: its copy goes.
  void drop();

 private:
  void warn(const Status& status);
  Status give_and_take(const std::vector<Shard>& shards);
  Status remove_all_but(const std::vector<Shard>& shards);
  std::string place() const;  // of the save's copies

  MemoryOptions options_;
  Storage* storage_;
  Peers* peers_;
  std::int64_t step_ = 0;
  std::string own_on_disk_, own_in_memory_;  // paths of the save's shard
  std::optional<Error> warning_;             // the first of the save
  Status removed_ = Done{};                  // what the save before was to remove
};

}  // namespace celere::checkpoint
