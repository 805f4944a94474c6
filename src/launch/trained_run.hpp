// Which training RUN on a command line means, of those that have something to answer with.
#pragma once

#include <string>

#include "base/result.hpp"
#include "checkpoint/storage.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

// A run file's directory below `runs_folder`, or the run directory that is named. Empty: of the
// run directories there that have a checkpoint, the one whose last event is the latest (of equals,
// and where none has events, the last by name). Errors: not_found, with what to do; those of the
// run file.
Result<wire::RunDirectory> trained_run(const checkpoint::Storage& storage, const std::string& run,
                                       const std::string& runs_folder);

}  // namespace celere::launch
