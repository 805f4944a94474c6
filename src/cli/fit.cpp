#include <memory>

#include "base/files.hpp"
#include "cli/verbs.hpp"
#include "report/fit_report.hpp"
#include "study/catalog_writer.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string runs_file, folder;
};

int run_fit(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const Result<study::PublishedRuns> runs = published_runs(*files, flags.runs_file);
  if (!runs.ok()) return complain(runs.error().text());
  const spec::Catalog catalog(*files, catalog_folders(common));
  const Result<study::Predictor> predictor = study::Predictor::of(catalog);
  if (!predictor.ok()) return complain(predictor.error().text());
  const auto unknowns = study::parse_unknowns(study::embedded_unknowns());
  if (!unknowns.ok()) return complain(unknowns.error().text());
  ThreadPool threads;
  const study::RunFit fit(*predictor, runs->runs, *unknowns);
  const study::FittedNumbers numbers = fit.without("", threads);
  print(common.json ? report::fit_json(numbers) : report::fit_text(numbers, fit.rows()));
  if (flags.folder.empty()) return exit_fine;
  const study::LeaveOneOut left_out = study::leave_one_out(*predictor, *runs, *unknowns, threads);
  const auto written = study::write_numbers(*files, flags.folder, numbers, left_out.intervals);
  if (!written.ok()) return complain(written.error().text());
  return exit_fine;
}

}  // namespace

void add_fit(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "fit", "What no data sheet says of chips and software, from published step times");
  verb->add_option("--runs", flags->runs_file,
                   "rows in the format of catalog/published/README.md (default: those)");
  verb->add_option("--write", flags->folder,
                   "put the numbers into the entries of this folder (as catalog/)");
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([flags, &common] { common.exit_code = run_fit(*flags, common); });
}

}  // namespace celere::cli
