#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "cli/verbs.hpp"
#include "report/status.hpp"
#include "spec/run.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, runs = "runs";
  bool watch = false;
};

// A run directory, or that of a run file.
Result<wire::RunDirectory> directory_of(const Files& files, const Flags& flags) {
  ASSIGN_OR_RETURN(const wire::RunArgument argument, wire::find_run(files, flags.run));
  if (!argument.run_directory.empty()) return wire::RunDirectory{argument.run_directory};
  ASSIGN_OR_RETURN(const std::string content, files.read(argument.run_file));
  ASSIGN_OR_RETURN(const spec::Run run, spec::parse_run(content, argument.run_file));
  const wire::RunDirectory directory = wire::run_directory_of(flags.runs, run.name);
  if (!files.exists(directory.run_file())) {
    return Error{
        ErrorCode::not_found,
        fmt::format("{} was not trained yet: {} is no run directory", flags.run, directory.folder),
        {}};
  }
  return directory;
}

int run_status(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  SystemClock clock;
  const auto directory = directory_of(*files, flags);
  if (!directory.ok()) return complain(directory.error().text());
  const bool redraws = flags.watch && !common.json && ::isatty(STDOUT_FILENO) == 1;
  while (true) {
    const auto status = report::read_status(*files, *directory, clock.wall());
    if (!status.ok()) return complain(status.error().text());
    if (redraws) print("\x1b[H\x1b[2J");
    print(common.json ? report::status_json(*status) : report::status_text(*status, flags.run));
    std::fflush(stdout);
    const bool gave_up = status->end && status->end->how == "gave_up";
    if (!flags.watch || status->state == report::TrainingState::ended) {
      return gave_up ? exit_no : exit_fine;
    }
    clock.sleep(1_s);
  }
}

}  // namespace

void add_status(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("status", "What a training is doing now, or how it ended");
  verb->add_option("RUN", flags->run, "the run file (docs/run-file.md), or a run directory")
      ->required();
  verb->add_option("--runs", flags->runs, "the folder of run directories (default: runs)");
  verb->add_flag("--watch", flags->watch, "again each second, until the training ends");
  verb->add_flag("--json", common.json, "print one JSON object a line");
  verb->callback([flags, &common] { common.exit_code = run_status(*flags, common); });
}

}  // namespace celere::cli
