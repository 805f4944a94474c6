#include "cli/validate_whole.hpp"

#include <memory>

#include "base/files.hpp"
#include "report/end_to_end_report.hpp"
#include "spec/catalog.hpp"
#include "study/end_to_end_validation.hpp"

namespace celere::cli {
namespace {

Result<std::vector<study::WholeRuns>> whole_runs(const Files& files, const std::string& file) {
  std::vector<study::WholeRuns> out;
  const auto add = [&](std::string_view text, const std::string& name) -> Status {
    ASSIGN_OR_RETURN(const CsvTable table, parse_csv(text, name));
    ASSIGN_OR_RETURN(study::WholeRuns runs, study::read_whole_runs(table));
    out.push_back(std::move(runs));
    return Done{};
  };
  if (!file.empty()) {
    ASSIGN_OR_RETURN(const std::string text, files.read(file));
    RETURN_IF_ERROR(add(text, file));
    return out;
  }
  for (const std::string_view path : study::embedded_whole_runs()) {
    RETURN_IF_ERROR(add(spec::embedded_text(path), "catalog/" + std::string(path)));
  }
  return out;
}

}  // namespace

int validate_whole_trainings(const std::string& runs_file, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const auto runs = whole_runs(*files, runs_file);
  if (!runs.ok()) return complain(runs.error().text());
  const auto numbers = study::parse_whole_numbers(study::embedded_whole_numbers());
  if (!numbers.ok()) return complain(numbers.error().text());
  const auto bounds = study::parse_whole_bounds(study::embedded_whole_bounds());
  if (!bounds.ok()) return complain(bounds.error().text());
  const spec::Catalog catalog(*files, catalog_folders(common));
  const auto predictor = study::WholeRunPredictor::of(catalog, *numbers);
  if (!predictor.ok()) return complain(predictor.error().text());
  const study::WholeValidation validation = study::validate_whole(*predictor, *runs);
  print(common.json ? report::end_to_end_json(validation) : report::end_to_end_text(validation));
  const std::vector<std::string> broken = study::broken(*bounds, validation, runs_file.empty());
  for (const std::string& bound : broken) {
    complain("catalog/published/end_to_end_bounds.toml: " + bound);
  }
  return broken.empty() ? exit_fine : exit_no;
}

}  // namespace celere::cli
