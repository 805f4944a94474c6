// What a training needs before its first step: the run directory with the frozen run file, the
// corpus, this machine's measurements. What is there already is kept.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "base/result.hpp"
#include "cli/verbs.hpp"
#include "spec/run.hpp"
#include "tokens/build.hpp"
#include "wire/run_directory.hpp"

namespace celere::cli {

// build_corpus() behind a progress line. Errors: its own.
Result<tokens::BuildReport> corpus_with_progress(const spec::DataSpec& data,
                                                 const std::string& folder, bool quiet,
                                                 Files& files, const Clock& clock);

struct Preparation {
  std::string run;  // as given: a run file or a run directory
  std::string runs_folder;
  bool quiet = false;
};

struct Prepared {
  spec::Run run;
  wire::RunDirectory directory;
  std::string corpus;
};

// Errors: those of the run file, of the corpus and of the machine's measurement.
Result<Prepared> prepare_training(const Preparation& wish, const Common& common, Files& files,
                                  Processes& processes, Clock& clock);

}  // namespace celere::cli
