// What the verbs that simulate whole trainings have in common: their command lines, and the lives
// behind a progress line.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "life/forecast.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"
#include "study/comparison.hpp"

namespace celere::cli {

struct LivesFlags {
  life::ForecastOptions lives;
  int threads = 0;
};
void add_lives_options(CLI::App& verb, LivesFlags& flags);

life::Forecast forecast_with_progress(life::Built built, const life::ForecastOptions& options,
                                      ThreadPool& threads);

struct CompareFlags {
  std::vector<std::string> clusters;  // empty: those of the run file
  bool shifts = false;
};
// What --clusters and --shifts mean where the verb shows other things as well.
struct CompareHelp {
  const char* clusters;
  const char* shifts;
};
void add_compare_options(CLI::App& verb, CompareFlags& flags, const CompareHelp& help);

// Empty: nobody says which.
const std::vector<std::string>& compared(const CompareFlags& flags, const spec::Run& run);

// Errors: those of study::compare().
Result<study::Comparison> compare_with_progress(const spec::Run& run, const CompareFlags& flags,
                                                const LivesFlags& lives,
                                                const spec::Catalog& catalog, ThreadPool& threads);

}  // namespace celere::cli
