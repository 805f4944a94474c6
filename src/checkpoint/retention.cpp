#include "checkpoint/retention.hpp"

#include "checkpoint/reader.hpp"
#include "checkpoint/shard.hpp"

namespace celere::checkpoint {

Status keep_only(Storage& storage, const std::string& checkpoints, std::int64_t step, Kept kept) {
  int good = 0;
  for (const Committed& each : committed(storage, checkpoints)) {
    if (each.step > step) continue;
    if (!Checkpoint::open(storage, each.folder, Verify::quick).ok()) continue;
    ++good;
    if (good <= kept.last || (kept.every > 0 && each.step % kept.every == 0)) continue;
    RETURN_IF_ERROR(remove_checkpoint(storage, each.folder));
  }
  return Done{};
}

}  // namespace celere::checkpoint
