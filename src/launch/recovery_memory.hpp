// What another supervisor needs to go on: RUN/recovery.json, three lines, renamed into place whole.
//
//   the policy's memory     policy::Recovery::state()
//   the present layout      of which the present generation is, by its number of replicas
//   the layout planned last
#pragma once

#include <string>

#include "base/files.hpp"
#include "base/result.hpp"
#include "launch/layouts.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

struct RecoveryMemory {
  std::string state;
  Family present, planned;
};

// Errors: not_found, io; corrupt.
Result<RecoveryMemory> read_recovery(const Files& files, const wire::RunDirectory& directory);
Status write_recovery(Files& files, const wire::RunDirectory& directory,
                      const RecoveryMemory& memory);

}  // namespace celere::launch
