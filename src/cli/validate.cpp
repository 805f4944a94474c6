#include <memory>

#include "base/files.hpp"
#include "cli/validate_whole.hpp"
#include "cli/verbs.hpp"
#include "report/lives_report.hpp"
#include "report/validate_report.hpp"
#include "study/bounds.hpp"
#include "study/run_fit.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string runs_file, page;
  bool leave_one_out = false;
  bool end_to_end = false;
  bool lives = false;
};

int validate_published_lives(const Common& common) {
  const auto lives = study::parse_published_lives(study::embedded_published_lives());
  if (!lives.ok()) return complain(lives.error().text());
  ThreadPool threads;
  const study::LivesValidation validation = study::validate_lives(*lives, {}, threads);
  print(common.json ? report::lives_json(validation) : report::lives_text(validation));
  const std::vector<std::string> broken = study::broken(validation);
  for (const std::string& bound : broken) complain("catalog/published/lives.toml: " + bound);
  return broken.empty() ? exit_fine : exit_no;
}

int run_validate(const Flags& flags, const Common& common) {
  if (flags.end_to_end) return validate_whole_trainings(flags.runs_file, common);
  if (flags.lives) return validate_published_lives(common);
  const std::unique_ptr<Files> files = local_files();
  Result<study::PublishedRuns> runs = published_runs(*files, flags.runs_file);
  if (!runs.ok()) return complain(runs.error().text());
  const spec::Catalog catalog(*files, catalog_folders(common));
  const Result<study::Predictor> predictor = study::Predictor::of(catalog);
  if (!predictor.ok()) return complain(predictor.error().text());
  study::Validation validation;
  if (flags.leave_one_out) {
    const auto unknowns = study::parse_unknowns(study::embedded_unknowns());
    if (!unknowns.ok()) return complain(unknowns.error().text());
    ThreadPool threads;
    validation = study::leave_one_out(*predictor, *runs, *unknowns, threads).validation;
  } else {
    validation = study::validate(*predictor, *std::move(runs));
  }
  if (!flags.page.empty()) {
    const Status written = files->write(flags.page, report::validate_html(validation));
    if (!written.ok()) return complain(written.error().text());
  }
  print(common.json ? report::validate_json(validation) : report::validate_text(validation));
  if (!flags.runs_file.empty() || flags.leave_one_out) return exit_fine;
  const Result<study::Bounds> bounds = study::parse_bounds(study::embedded_bounds());
  if (!bounds.ok()) return complain(bounds.error().text());
  const std::vector<std::string> broken = study::broken(*bounds, validation);
  for (const std::string& bound : broken) complain("catalog/published/bounds.toml: " + bound);
  return broken.empty() ? exit_fine : exit_no;
}

}  // namespace

void add_validate(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "validate", "Predictions against published measurements, the error of each");
  verb->add_option("--runs", flags->runs_file,
                   "rows in the format of catalog/published/README.md (default: those)");
  verb->add_flag("--json", common.json, "print JSON");
  CLI::Option* page = verb->add_option("--report", flags->page, "write all of it as one HTML page");
  CLI::Option* one_out = verb->add_flag("--leave-one-out", flags->leave_one_out,
                                        "refit without each source in turn, and predict it");
  verb->add_flag("--end-to-end", flags->end_to_end,
                 "whole trainings instead: GPU-hours from model, tokens, GPU and count")
      ->excludes(page)
      ->excludes(one_out);
  verb->add_flag("--lives", flags->lives,
                 "trainings under failures instead, held against what was published of them");
  verb->callback([flags, verb, &common] {
    const Status alone =
        goes_without(*verb, "--lives", {"--runs", "--report", "--leave-one-out", "--end-to-end"});
    common.exit_code = alone.ok() ? run_validate(*flags, common) : complain(alone.error().text());
  });
}

}  // namespace celere::cli
