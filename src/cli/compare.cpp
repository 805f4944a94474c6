#include <memory>

#include "base/files.hpp"
#include "cli/lives_flags.hpp"
#include "cli/read_run.hpp"
#include "cli/verbs.hpp"
#include "report/comparison_report.hpp"
#include "report/life_report.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run;
  CompareFlags compared;
  LivesFlags lives;
};

int run_compare(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const Result<ReadRun> read = read_run(*files, flags.run);
  if (!read.ok()) return complain(read.error().text());
  if (compared(flags.compared, read->run).empty()) {
    return complain(
        fmt::format("{}: which clusters are compared is said by --clusters A,B,C or "
                    "by compare.clusters",
                    read->run.file));
  }
  const spec::Catalog catalog(*files, catalog_folders(common));
  ThreadPool threads(flags.lives.threads);
  const auto comparison =
      compare_with_progress(read->run, flags.compared, flags.lives, catalog, threads);
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
  add_compare_options(
      *verb, flags->compared,
      {.clusters = "of the catalogue, each NAME or NAME:GPUS (default: compare.clusters)",
       .shifts = "what moves each end most, too"});
  add_lives_options(*verb, flags->lives);
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([flags, &common] { common.exit_code = run_compare(*flags, common); });
}

}  // namespace celere::cli
