#include "checkpoint/retention.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "checkpoint/reader.hpp"
#include "checkpoint/shard.hpp"

namespace celere::checkpoint {

Result<std::vector<std::int64_t>> steps_to_keep(const Storage& storage,
                                                const std::string& checkpoints) {
  const std::string path = checkpoints + "/keep";
  std::vector<std::int64_t> steps;
  if (!storage.files().exists(path)) return steps;
  ASSIGN_OR_RETURN(const std::string content, storage.files().read(path));
  const char* const end = content.data() + content.size();
  for (const char* at = content.data(); at < end;) {
    const auto [next, problem] = std::from_chars(at, end, steps.emplace_back());
    if (problem != std::errc() || next == end || *next != '\n') {
      return Error{ErrorCode::corrupt, path + ": is not one step a line; nothing is removed", {}};
    }
    at = next + 1;
  }
  return steps;
}

Status write_steps_to_keep(Files& files, const std::string& checkpoints,
                           const std::vector<std::int64_t>& steps) {
  std::string text;
  for (const std::int64_t step : steps) text += fmt::format("{}\n", step);
  RETURN_IF_ERROR(files.make_folder(checkpoints));
  return files.write(checkpoints + "/keep", text);
}

Status keep_only(Storage& storage, const std::string& checkpoints, std::int64_t step, Kept kept) {
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> needed, steps_to_keep(storage, checkpoints));
  int good = 0;
  std::vector<std::string> old;
  for (const Committed& each : committed(storage, checkpoints)) {
    if (each.step > step) continue;
    if (!Checkpoint::open(storage, each.folder, Verify::quick).ok()) continue;
    ++good;
    if (std::find(needed.begin(), needed.end(), each.step) != needed.end()) continue;
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
