#include <memory>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "cli/verbs.hpp"
#include "report/validate_report.hpp"
#include "study/validation.hpp"

namespace celere::cli {
namespace {

int run_validate(const std::string& runs_file, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  std::string content(study::embedded_published_runs());
  std::string name = "catalog/published/runs.csv";
  if (!runs_file.empty()) {
    Result<std::string> read = files->read(runs_file);
    if (!read.ok()) return complain(read.error().text());
    content = *std::move(read);
    name = runs_file;
  }
  const Result<CsvTable> table = parse_csv(content, name);
  if (!table.ok()) return complain(table.error().text());
  Result<study::PublishedRuns> runs = study::read_published_runs(*table);
  if (!runs.ok()) return complain(runs.error().text());
  const spec::Catalog catalog(*files, catalog_folders(common));
  const Result<study::Predictor> predictor = study::Predictor::of(catalog);
  if (!predictor.ok()) return complain(predictor.error().text());
  const study::Validation validation = study::validate(*predictor, *std::move(runs));
  return print(common.json ? report::validate_json(validation) : report::validate_text(validation));
}

}  // namespace

void add_validate(CLI::App& app, Common& common) {
  const auto runs = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand(
      "validate", "Predictions against published measurements, the error of each");
  verb->add_option("--runs", *runs,
                   "rows in the format of catalog/published/README.md (default: those)");
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([runs, &common] { common.exit_code = run_validate(*runs, common); });
}

}  // namespace celere::cli
