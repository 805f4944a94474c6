#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/processes.hpp"
#include "base/progress.hpp"
#include "cli/prepare.hpp"
#include "cli/verbs.hpp"
#include "launch/local_ranks.hpp"
#include "report/train_report.hpp"
#include "spec/layout_wish.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, runs = "runs", layout;
  bool oversubscribe = false;
  int threads = 0;
  std::int64_t stop_after = -1;
};

std::atomic<int> interrupts = 0;  // of the terminal: signal handlers reach nothing else

extern "C" void count_interrupt(int /*signal*/) { ++interrupts; }

int exit_code_of(const launch::RanksEnded& ended, int ranks) {
  const Ending& ending = ended.ending;
  const std::string errors = ended.errors.substr(0, ended.errors.find_last_not_of('\n') + 1);
  if (ending.code == exit_fine || ending.code == exit_no) return *ending.code;
  if (ranks == 1 && ending.code == exit_wrong) return complain(errors);
  const std::string who =
      ranks == 1 ? "the worker" : fmt::format("rank {} of {}", ended.rank, ranks);
  const std::string how =
      ending.code == exit_wrong ? "" : fmt::format(" ended: {}", written(ending));
  return complain(fmt::format("{}{}{}{}", who, how, errors.empty() ? "" : ": ", errors));
}

// How many ranks the layout has: of the run file, and what the flag says instead.
Result<int> ranks_of(const spec::Run& run, const Flags& flags) {
  spec::LayoutWish wish = run.layout;
  if (!flags.layout.empty()) {
    ASSIGN_OR_RETURN(const spec::LayoutWish over, spec::parse_layout_text(flags.layout));
    wish = spec::merged(wish, over);
  }
  const std::int64_t ranks = spec::layout_of(wish).ranks();
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  if (ranks > cores && !flags.oversubscribe) {
    return bad_input(fmt::format(
        "{}: {} ranks are more than the {} cores here; --oversubscribe starts them all the same",
        flags.layout.empty() ? run.place_of("layout") : "--layout", ranks, cores));
  }
  return static_cast<int>(ranks);
}

int run_train(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<Processes> processes = local_processes();
  SystemClock clock;
  const Result<Prepared> prepared =
      prepare_training({.run = flags.run, .runs_folder = flags.runs, .quiet = common.json}, common,
                       *files, *processes, clock);
  if (!prepared.ok()) return complain(prepared.error().text());
  const Result<int> ranks = ranks_of(prepared->run, flags);
  if (!ranks.ok()) return complain(ranks.error().text());
  launch::LocalRanks command{.count = *ranks, .threads = flags.threads, .arguments = {}};
  command.arguments = {"train", "--run-directory", prepared->directory.folder, "--corpus",
                       prepared->corpus};
  if (!flags.layout.empty()) {
    command.arguments.insert(command.arguments.end(), {"--layout", flags.layout});
  }
  if (flags.stop_after >= 0) {
    command.arguments.insert(command.arguments.end(),
                             {"--stop-after", std::to_string(flags.stop_after)});
  }
  for (const std::string& folder : catalog_folders(common)) {
    command.arguments.insert(command.arguments.end(), {"--catalog", folder});
  }
  std::signal(SIGINT, count_interrupt);
  std::signal(SIGTERM, count_interrupt);
  report::TrainReport report(flags.run, prepared->directory.folder);
  LiveLine live(clock, common.json ? Terminal{} : standard_error_terminal());
  const auto stays = [&](const std::string& text) {
    if (text.empty()) return;
    live.finish();
    print(text);
    std::fflush(stdout);
  };
  const auto ended = launch::run_ranks(
      {*processes, *files, clock}, command, interrupts, [&](const launch::WorkerMessage& message) {
        if (common.json) return stays(message.line + "\n");
        if (const auto* step = std::get_if<wire::StepMetrics>(&message.what)) {
          report.hear(*step);
          stays(report.step_line());
          return live.show(report.live_line());
        }
        stays(report.hear(std::get<wire::Event>(message.what)));
      });
  live.finish();
  if (!ended.ok()) return complain(ended.error().text());
  const int code = exit_code_of(*ended, *ranks);
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
  verb->add_option("--layout", flags->layout,
                   "these of the layout instead of the run file's: dp=2,zero_stage=1,...; what a "
                   "checkpoint was saved under does not matter");
  verb->add_flag("--oversubscribe", flags->oversubscribe, "more ranks than there are cores");
  verb->add_option("--threads", flags->threads,
                   "how many threads compute, of each rank (default: the cores shared out)")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--stop-after", flags->stop_after, "stop, saved, behind this step")
      ->check(CLI::NonNegativeNumber);
  verb->add_flag("--json", common.json, "print one JSON object a line");
  verb->callback([flags, &common] { common.exit_code = run_train(*flags, common); });
}

}  // namespace celere::cli
