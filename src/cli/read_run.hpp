// RUN on a command line: a run file, or the frozen one of a run directory.
#pragma once

#include <string>

#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/run.hpp"

namespace celere::cli {

struct ReadRun {
  spec::Run run;
  std::string directory;  // empty where a run file was named
};

// Errors: not_found; those of the run file.
Result<ReadRun> read_run(const Files& files, const std::string& argument);

}  // namespace celere::cli
