#include "cli/prepare.hpp"

#include <fmt/format.h>

#include "base/progress.hpp"
#include "calibrate/calibrate.hpp"
#include "calibrate/entries.hpp"
#include "spec/run.hpp"

namespace celere::cli {
namespace {

// Measured once, where nobody has yet.
Status prepare_machine(const Common& common, bool quiet, Files& files, Processes& processes,
                       Clock& clock) {
  const std::vector<std::string> folders = catalog_folders(common);
  const spec::Catalog catalog(files, folders);
  ASSIGN_OR_RETURN(const std::optional<calibrate::Machine> machine,
                   calibrate::measured_machine(catalog));
  if (machine) return Done{};
  Progress progress(clock, quiet ? Terminal{} : standard_error_terminal(),
                    "measuring this machine, once");
  const Result<calibrate::Calibration> done =
      calibrate::run({processes, files, clock}, {.quick = true, .folder = folders.back()},
                     [&](double share) { progress.update(share); });
  progress.finish();
  if (!done.ok()) return done.error();
  return Done{};
}

// The tokenizer goes with the run, which answers without its corpus.
Status copy_tokenizer(const std::string& corpus, const wire::RunDirectory& directory,
                      Files& files) {
  const std::string from = corpus + "/tokenizer", to = directory.tokenizer();
  RETURN_IF_ERROR(files.make_folder(to));
  for (const std::string& name : files.list(from)) {
    ASSIGN_OR_RETURN(const std::string content, files.read(fmt::format("{}/{}", from, name)));
    RETURN_IF_ERROR(files.write(fmt::format("{}/{}", to, name), content));
  }
  return Done{};
}

}  // namespace

Result<tokens::BuildReport> corpus_with_progress(const spec::DataSpec& data,
                                                 const std::string& folder, bool quiet,
                                                 Files& files, const Clock& clock) {
  Progress progress(clock, quiet ? Terminal{} : standard_error_terminal(), "building the corpus");
  Result<tokens::BuildReport> built = tokens::build_corpus(
      files, clock, data,
      {.folder = folder, .threads = 0, .progress = [&](double share) { progress.update(share); }});
  progress.finish();
  return built;
}

Result<Prepared> prepare_training(const Preparation& wish, const Common& common, Files& files,
                                  Processes& processes, Clock& clock) {
  ASSIGN_OR_RETURN(const wire::RunArgument argument, wire::find_run(files, wish.run));
  ASSIGN_OR_RETURN(const std::string content, files.read(argument.run_file));
  ASSIGN_OR_RETURN(const spec::Run run, spec::parse_run(content, argument.run_file));
  if (!run.data) return bad_input(argument.run_file + ": data: is missing: a training needs texts");
  if (run.cluster_name == calibrate::this_machine) {
    RETURN_IF_ERROR(prepare_machine(common, wish.quiet, files, processes, clock));
  }
  Prepared prepared;
  prepared.corpus = spec::corpus_folder(*run.data, run.name);
  RETURN_IF_ERROR(corpus_with_progress(*run.data, prepared.corpus, wish.quiet, files, clock));
  if (argument.run_directory.empty()) {
    ASSIGN_OR_RETURN(prepared.directory,
                     wire::make_run_directory(files, wish.runs_folder, run.name, content));
  } else {
    prepared.directory.folder = argument.run_directory;
  }
  prepared.run = run;
  RETURN_IF_ERROR(copy_tokenizer(prepared.corpus, prepared.directory, files));
  return prepared;
}

}  // namespace celere::cli
