#include "launch/recovery_memory.hpp"

#include <fmt/format.h>

#include <vector>

#include "wire/lines.hpp"

namespace celere::launch {

Result<RecoveryMemory> read_recovery(const Files& files, const wire::RunDirectory& directory) {
  const std::string path = directory.recovery();
  ASSIGN_OR_RETURN(const std::string content, files.read(path));
  std::vector<std::string> lines;
  RETURN_IF_ERROR(wire::for_each_line(content, path, [&](std::string_view line) -> Status {
    lines.emplace_back(line);
    return Done{};
  }));
  if (lines.size() != 3) {
    return Error{ErrorCode::corrupt, path + ": is not what a supervisor writes", {}};
  }
  ASSIGN_OR_RETURN(Family present, parse_family(lines[1]).during("reading " + path));
  ASSIGN_OR_RETURN(Family planned, parse_family(lines[2]).during("reading " + path));
  return RecoveryMemory{lines[0], present, planned};
}

Status write_recovery(Files& files, const wire::RunDirectory& directory,
                      const RecoveryMemory& memory) {
  return files.write(
      directory.recovery(),
      fmt::format("{}\n{}\n{}\n", memory.state, written(memory.present), written(memory.planned)));
}

}  // namespace celere::launch
