#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "cli/lives_flags.hpp"
#include "cli/read_run.hpp"
#include "cli/verbs.hpp"
#include "report/comparison_report.hpp"
#include "report/life_report.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run;
  std::vector<std::string> clusters;
  bool shifts = false;
  LivesFlags lives;
};

int run_compare(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const Result<ReadRun> read = read_run(*files, flags.run);
  if (!read.ok()) return complain(read.error().text());
  const std::vector<std::string>& clusters =
      flags.clusters.empty() ? read->run.compared : flags.clusters;
  if (clusters.empty()) {
    return complain(
        fmt::format("{}: which clusters are compared is said by --clusters A,B,C or "
                    "by compare.clusters",
                    read->run.file));
  }
  life::ForecastOptions lives = flags.lives.lives;
  lives.tune = false;
  lives.shift = flags.shifts;
  const spec::Catalog catalog(*files, catalog_folders(common));
  ThreadPool threads(flags.lives.threads);
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), "living it many times");
  const auto comparison = study::compare(read->run, clusters, catalog, lives, threads,
                                         [&](double share) { progress.update(share); });
  progress.finish();
  if (!comparison.ok()) return complain(comparison.error().text());
  print(common.json ? report::comparison_json(*comparison) : report::comparison_text(*comparison));
  return comparison->by_time.empty() ? exit_no : exit_fine;
}

}  // namespace

void add_compare(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "compare",
      "The same training on several clusters: which ends first, which is cheapest, how sure");
  verb->add_option("RUN", flags->run, "the run file (docs/run-file.md), or a run directory")
      ->required();
  verb->add_option("--clusters", flags->clusters,
                   "of the catalogue, each NAME or NAME:GPUS (default: compare.clusters)")
      ->delimiter(',');
  verb->add_flag("--shifts", flags->shifts, "what moves each end most, too");
  add_lives_options(*verb, flags->lives);
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([flags, &common] { common.exit_code = run_compare(*flags, common); });
}

}  // namespace celere::cli
