// Saves checkpoints behind a training's back.
//
//   save()        copies the tensors into a buffer that is kept: for that the training waits
//   in a thread   writes them to a safetensors file, syncs it, and renames the manifest into place
//
// The rename is the one moment at which the checkpoint begins to exist: killed before it, the save
// never was; after it, all shards are on disk with their checksums. A step that is saved again gets
// new file names, and the old checkpoint holds until the rename of the new one. A save that fails
// (disk full, folder gone) is reported, its files are removed, and the checkpoints before it stay.
//
// Retention: the last `keep`, and every step that `keep_every` divides. A checkpoint is removed
// manifest first, and only after a newer one is on disk; what does not verify is never counted and
// never removed: a person decides about it.
//
// Several processes write one checkpoint together (peers.hpp): each its shard, then rank 0 the
// manifest; what fails in one fails in all. No one else writes here meanwhile
// (wire/run_directory.hpp has the lock). Where copies in memory are wanted, memory.hpp has how.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/memory.hpp"
#include "checkpoint/peers.hpp"
#include "checkpoint/shard.hpp"
#include "checkpoint/snapshot.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

struct WriterOptions {
  std::string folder;  // RunDirectory::checkpoints()
  About about;
  int keep = 3;                 // at least 1
  std::int64_t keep_every = 0;  // steps; 0: none beside the last
  MemoryOptions memory = {};    // all peers have a folder there, or none
};

// How a save went.
struct SaveReport {
  std::int64_t step = 0;
  std::int64_t bytes = 0;
  Seconds blocking;                  // the training waited, for a save before it too
  Seconds writing;                   // in the background, until it was committed or failed
  std::optional<Error> failed;       // nothing: it is committed
  std::optional<Error> not_removed;  // files that should be gone and are not
  std::optional<Error> not_copied;   // it is committed, and a copy in some memory is missing
};

class CheckpointWriter {
 public:
  // Makes the folder and removes what killed saves left in it. Clock, storage and peers must
  // outlive the writer. Errors: io.
  static Result<std::unique_ptr<CheckpointWriter>> open(WriterOptions options, const Clock& clock,
                                                        Storage& storage, Peers& peers);
  // For a process alone.
  static Result<std::unique_ptr<CheckpointWriter>> open(WriterOptions options, const Clock& clock,
                                                        Storage& storage);
  ~CheckpointWriter();  // after the save in progress
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Touches memory for snapshots of so many bytes, so that the first save is as quick as the next.
  void reserve(std::int64_t bytes);

  // Returns as soon as the tensors may change again; waits for a save in progress before. Errors:
  // bad_input where views do not fit or (of one process) tile their shapes, or state cannot be
  // written. Peers all save the same step.
  // How the writing went is for wait() and last() to say.
  Status save(std::int64_t step, std::span<const TensorView> tensors, State state);

  bool busy() const;                              // a save is being written
  std::optional<SaveReport> wait();               // until none is; then the report of the last one
  std::optional<SaveReport> last() const;         // of the last one that ended
  std::optional<std::int64_t> committed() const;  // the step of the last good one of this writer

 private:
  CheckpointWriter(WriterOptions options, const Clock& clock, Storage& storage, Peers& peers);
  void work();
  Status write(SaveReport& report);
  Status tidy_up(std::int64_t step, bool committed);

  WriterOptions options_;
  const Clock* clock_;
  Storage* storage_;
  Peers* peers_;
  std::optional<MemoryCopies> memory_;
  Snapshot snapshot_;  // of the thread while pending_, else of save()
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool pending_ = false;  // a snapshot waits for the thread, or is being written by it
  bool stop_ = false;
  SaveReport report_;  // of the save that is pending
  Manifest draft_;     // of it: step, state, and what it is of
  std::optional<SaveReport> last_;
  std::optional<std::int64_t> committed_;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace celere::checkpoint
