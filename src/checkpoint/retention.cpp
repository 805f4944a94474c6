#include "checkpoint/retention.hpp"

#include <vector>

#include "checkpoint/reader.hpp"
#include "checkpoint/shard.hpp"

namespace celere::checkpoint {

Status keep_only(Storage& storage, const std::string& checkpoints, std::int64_t step, Kept kept) {
  int good = 0;
  std::vector<std::string> old;
  for (const Committed& each : committed(storage, checkpoints)) {
    if (each.step > step) continue;
    if (!Checkpoint::open(storage, each.folder, Verify::quick).ok()) continue;
    ++good;
    if (good <= kept.last || (kept.every > 0 && each.step % kept.every == 0)) continue;
    old.push_back(each.folder);
  }
  // The oldest first: a kill in between leaves the newer ones.
  for (auto folder = old.rbegin(); folder != old.rend(); ++folder) {
    RETURN_IF_ERROR(remove_checkpoint(storage, *folder));
  }
  return Done{};
}

}  // namespace celere::checkpoint
