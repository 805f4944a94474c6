#include <atomic>
#include <csignal>
#include <memory>

#include "base/clock.hpp"
#include "base/processes.hpp"
#include "base/progress.hpp"
#include "cli/prepare.hpp"
#include "cli/verbs.hpp"
#include "launch/watch.hpp"
#include "report/train_report.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, runs = "runs";
  int threads = 0;
  std::int64_t stop_after = -1;
};

std::atomic<int> interrupts = 0;  // of the terminal: signal handlers reach nothing else

extern "C" void count_interrupt(int /*signal*/) { ++interrupts; }

int exit_code_of(const Ending& ending, const std::string& errors) {
  if (ending.code == exit_fine || ending.code == exit_no) return *ending.code;
  if (ending.code == exit_wrong)
    return complain(errors.substr(0, errors.find_last_not_of('\n') + 1));
  return complain(fmt::format("the worker ended with {}\n{}", written(ending), errors));
}

int run_train(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<Processes> processes = local_processes();
  SystemClock clock;
  const Result<Prepared> prepared =
      prepare_training({.run = flags.run, .runs_folder = flags.runs, .quiet = common.json}, common,
                       *files, *processes, clock);
  if (!prepared.ok()) return complain(prepared.error().text());
  launch::WorkerCommand command;
  command.threads = flags.threads;
  command.arguments = {"train", "--run-directory", prepared->directory.folder, "--corpus",
                       prepared->corpus};
  if (flags.stop_after >= 0) {
    command.arguments.insert(command.arguments.end(),
                             {"--stop-after", std::to_string(flags.stop_after)});
  }
  for (const std::string& folder : catalog_folders(common)) {
    command.arguments.insert(command.arguments.end(), {"--catalog", folder});
  }
  std::signal(SIGINT, count_interrupt);
  std::signal(SIGTERM, count_interrupt);
  auto worker = launch::WorkerProcess::start(*processes, *files, command);
  if (!worker.ok()) return complain(worker.error().text());
  report::TrainReport report(flags.run, prepared->directory.folder);
  LiveLine live(clock, common.json ? Terminal{} : standard_error_terminal());
  const auto stays = [&](const std::string& text) {
    if (text.empty()) return;
    live.finish();
    print(text);
    std::fflush(stdout);
  };
  const auto ending = launch::watch(*worker, clock, interrupts, [&](const auto& message) {
    if (common.json) return stays(message.line + "\n");
    if (const auto* step = std::get_if<wire::StepMetrics>(&message.what)) {
      report.hear(*step);
      stays(report.step_line());
      return live.show(report.live_line());
    }
    stays(report.hear(std::get<wire::Event>(message.what)));
  });
  live.finish();
  if (!ending.ok()) return complain(ending.error().text() + "\n" + worker->errors());
  const int code = exit_code_of(*ending, worker->errors());
  if (!common.json && code != exit_wrong) print(report.end());
  return code;
}

}  // namespace

void add_train(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      app.add_subcommand("train", "Trains the model of a run file here; goes on where it stopped");
  verb->add_option("RUN", flags->run, "the run file (docs/run-file.md), or a run directory")
      ->required();
  verb->add_option("--runs", flags->runs, "the folder of run directories (default: runs)");
  verb->add_option("--threads", flags->threads, "how many threads compute (default: all cores)")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--stop-after", flags->stop_after, "stop, saved, behind this step")
      ->check(CLI::NonNegativeNumber);
  verb->add_flag("--json", common.json, "print one JSON object a line");
  verb->callback([flags, &common] { common.exit_code = run_train(*flags, common); });
}

}  // namespace celere::cli
