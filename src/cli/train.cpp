#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/processes.hpp"
#include "base/progress.hpp"
#include "checkpoint/reader.hpp"
#include "cli/interrupts.hpp"
#include "cli/prepare.hpp"
#include "cli/train_slurm.hpp"
#include "cli/verbs.hpp"
#include "launch/job.hpp"
#include "launch/node_folder.hpp"
#include "launch/worker_message.hpp"
#include "launch/worker_process.hpp"
#include "report/train_report.hpp"
#include "spec/catalog.hpp"
#include "spec/fault_schedule.hpp"
#include "spec/scenario.hpp"
#include "wire/lines.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, runs = "runs", layout, faults;
  bool oversubscribe = false, resume = false, clear_nodes = false;
  int threads = 0, nodes = 0;
  std::int64_t stop_after = -1;
  std::optional<std::int64_t> seed;
  SlurmFlags slurm;
};

// A supervisor that was killed is started again, but not over and over.
constexpr int supervisors_max = 100;
const Seconds look_every = Seconds::of(0.05);
const Seconds start_patience = Seconds::of(50);    // agents that nobody leads stay for a minute
constexpr std::uintmax_t shared_least = 16 << 20;  // bytes: records of ranks are small

// Folders of the nodes on this machine: in memory, where it has such a place that takes something.
std::string node_folder(const wire::RunDirectory& directory) {
  const std::string shared = "/dev/shm";
  std::error_code problem;
  if (!std::filesystem::is_directory(shared, problem)) return directory.folder + "/nodes";
  const std::string folder = launch::shared_node_folder(directory.folder);
  // Agents of a supervisor that was killed may live in it.
  if (std::filesystem::is_directory(folder, problem)) return folder;
  const auto space = std::filesystem::space(shared, problem);
  const bool takes =
      !problem && space.available >= shared_least && ::access(shared.c_str(), W_OK) == 0;
  return takes ? folder : directory.folder + "/nodes";
}

// Refused before anything starts: no such layout, more ranks than cores, a scenario of ranks that
// are not there, a run that somebody trains already.
Status check(const Flags& flags, const std::optional<spec::Scenario>& scenario,
             const Prepared& prepared, const Common& common, const Files& files) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  const launch::JobWish wish{.directory = prepared.directory,
                             .corpus = prepared.corpus,
                             .layout = flags.layout,
                             .nodes = flags.nodes,
                             .threads = flags.threads,
                             .stop_after = flags.stop_after,
                             .catalog = {},
                             .cores = cores};
  ASSIGN_OR_RETURN(const launch::Job job,
                   make_job(prepared.run, spec::Catalog(files, catalog_folders(common)), wish));
  const std::int64_t ranks = job.layout.ranks();
  if (ranks > cores && !flags.oversubscribe) {
    return bad_input(fmt::format(
        "{}: {} ranks are more than the {} cores here; --oversubscribe starts them all the same",
        flags.layout.empty() ? prepared.run.place_of("layout") : "--layout", ranks, cores));
  }
  const bool has_state =
      !checkpoint::committed(*checkpoint::local_storage(), prepared.directory.checkpoints())
           .empty();
  if (flags.resume && !has_state) {
    return bad_input(
        fmt::format("--resume: {} has no checkpoint to go on from", prepared.directory.folder));
  }
  if (scenario) {
    RETURN_IF_ERROR(spec::fits(*scenario, {.ranks = static_cast<int>(ranks), .nodes = job.nodes}));
  }
  if (const auto lock = wire::RunLock::take(prepared.directory); !lock.ok()) {
    Error error = lock.error();
    error.message += fmt::format("; \"celere status {}\" shows it", flags.run);
    return error;
  }
  return Done{};
}

// Nothing where no faults are asked for.
Result<std::optional<spec::Scenario>> scenario_of(const Flags& flags, const Files& files) {
  if (flags.faults.empty()) return std::optional<spec::Scenario>();
  ASSIGN_OR_RETURN(const std::string content, files.read(flags.faults));
  ASSIGN_OR_RETURN(spec::Scenario scenario, spec::parse_scenario(content, flags.faults));
  return std::optional(std::move(scenario));
}

// The seed that it is drawn with.
std::int64_t seed_of(const Flags& flags, const spec::Scenario& scenario, const Clock& clock) {
  if (flags.seed) return *flags.seed;
  if (scenario.seed) return static_cast<std::int64_t>(*scenario.seed);
  return clock.wall().nanoseconds % 1'000'000;
}

std::vector<std::string> arguments_of(const Flags& flags, const Prepared& prepared,
                                      const Common& common, std::int64_t seed) {
  std::vector<std::string> out;
  const auto add = [&](const char* flag, const std::string& value) {
    out.emplace_back(flag);
    out.push_back(value);
  };
  for (const std::string& folder : common.catalog_folders) add("--catalog", folder);
  out.emplace_back("supervise");
  add("--run-directory", prepared.directory.folder);
  add("--corpus", prepared.corpus);
  add("--node-folder", node_folder(prepared.directory));
  if (!flags.layout.empty()) add("--layout", flags.layout);
  if (flags.clear_nodes) out.emplace_back("--clear-nodes");
  if (flags.nodes > 0) add("--nodes", std::to_string(flags.nodes));
  if (flags.threads > 0) add("--threads", std::to_string(flags.threads));
  if (flags.stop_after >= 0) add("--stop-after", std::to_string(flags.stop_after));
  if (!flags.faults.empty()) {
    add("--faults", flags.faults);
    add("--seed", std::to_string(seed));
  }
  return out;
}

// Shows what the supervisor says, until it ends; starts another where it was killed.
class Front {
 public:
  using Hear = std::function<void(const launch::WorkerMessage&)>;
  Front(Processes& processes, Clock& clock, const std::atomic<int>& interrupts, Command command,
        Hear hear)
      : processes_(processes),
        clock_(clock),
        interrupts_(interrupts),
        command_(std::move(command)),
        hear_(std::move(hear)) {}

  Result<Ending> run(const std::function<void(const std::string&)>& stays) {
    for (int i = 1;; ++i) {
      ASSIGN_OR_RETURN(const Ending ending, run_one(i == 1));
      if (!ending.signal || interrupts_ > 1 || i == supervisors_max) return ending;
      stays(fmt::format("the supervisor was {}; another one takes over\n", written(ending)));
    }
  }
  const std::string& errors() const { return errors_; }

 private:
  // While agents live: a program that is being installed anew is there in a moment.
  Result<std::unique_ptr<Process>> start(bool first) {
    const Instant end = clock_.now() + (first ? Seconds::of(0) : start_patience);
    while (true) {
      Result<std::unique_ptr<Process>> process = processes_.start(command_);
      if (process.ok() || clock_.now() >= end || interrupts_ > 1) return process;
      clock_.sleep(look_every);
    }
  }
  Result<Ending> run_one(bool first) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Process> process, start(first));
    int passed_on = 0;
    bool heard = false;
    std::string begun;
    while (true) {
      const std::optional<Ending> ending = process->ending();
      begun += process->take_output();
      heard |= !begun.empty();
      hear_lines(begun);
      if (ending) {
        errors_ = process->captured_errors();
        return *ending;
      }
      // Before its first line it may have no handler yet, and the signal would end it. One at a
      // time: two that come at once are one.
      if (passed_on < interrupts_ && (heard || interrupts_ > 1)) {
        process->send(SIGINT);
        ++passed_on;
      }
      clock_.sleep(look_every);
    }
  }
  // What is no message is no reason to end a training.
  void hear_lines(std::string& begun) {
    for (const std::string& line : wire::take_lines(begun)) {
      const auto message = launch::parse_worker_message(line);
      if (message.ok()) hear_(*message);
    }
  }

  Processes& processes_;
  Clock& clock_;
  const std::atomic<int>& interrupts_;
  Command command_;
  Hear hear_;
  std::string errors_;
};

int exit_code_of(const Ending& ending, const std::string& errors) {
  const bool known =
      ending.code == exit_fine || ending.code == exit_no || ending.code == exit_stopped;
  if (known) return *ending.code;
  std::string text = errors.substr(0, errors.find_last_not_of('\n') + 1);
  if (text.starts_with("celere: ")) text.erase(0, 8);
  if (ending.code == exit_wrong && !text.empty()) return complain(text);
  return complain(
      fmt::format("the supervisor ended: {}{}{}", written(ending), text.empty() ? "" : ": ", text));
}

int run_train(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<Processes> processes = local_processes();
  SystemClock clock;
  const auto scenario = scenario_of(flags, *files);
  if (!scenario.ok()) return complain(scenario.error().text());
  const std::int64_t seed = *scenario ? seed_of(flags, **scenario, clock) : 0;
  if (const auto worker = launch::worker_program(*files); !worker.ok()) {
    return complain(worker.error().text());
  }
  const Result<Prepared> prepared =
      prepare_training({.run = flags.run, .runs_folder = flags.runs, .quiet = common.json}, common,
                       *files, *processes, clock);
  if (!prepared.ok()) return complain(prepared.error().text());
  if (!flags.slurm.file.empty()) {
    return write_slurm_file(flags.slurm,
                            {flags.layout, flags.nodes, flags.threads, flags.stop_after}, *prepared,
                            common, *files);
  }
  if (const Status fine = check(flags, *scenario, *prepared, common, *files); !fine.ok()) {
    return complain(fine.error().text());
  }
  const std::atomic<int>& interrupts = counted_interrupts();
  report::TrainReport report(flags.run, prepared->directory.folder);
  LiveLine live(clock, common.json ? Terminal{} : standard_error_terminal());
  const auto stays = [&](const std::string& text) {
    if (text.empty()) return;
    live.finish();
    print(text);
    std::fflush(stdout);
  };
  if (*scenario && !common.json) {
    stays(fmt::format("faults of {}, drawn with --seed {}\n", flags.faults, seed));
  }
  Command command;
  command.program = own_program();
  command.arguments = arguments_of(flags, *prepared, common, seed);
  command.output.kind = command.errors.kind = Output::Kind::capture;
  Front front(*processes, clock, interrupts, command, [&](const launch::WorkerMessage& message) {
    if (common.json) return stays(message.line + "\n");
    if (const auto* step = std::get_if<wire::StepMetrics>(&message.what)) {
      report.hear(*step);
      stays(report.step_line());
      return live.show(report.live_line());
    }
    stays(report.hear(std::get<wire::Event>(message.what)));
  });
  const Result<Ending> ended =
      front.run([&](const std::string& text) { common.json ? void() : stays(text); });
  live.finish();
  if (!ended.ok()) return complain(ended.error().text());
  const bool killed = ended->signal && interrupts > 1;  // before it could hear of it
  const int code = killed ? exit_stopped : exit_code_of(*ended, front.errors());
  if (code == exit_wrong) return code;
  if (!common.json) print(report.end());
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
  verb->add_option("--nodes", flags->nodes,
                   "agents to start, spares among them (default: what ranks and spares need)")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--resume", flags->resume,
                 "go on from a checkpoint, and refuse where there is none (without it: go on where "
                 "there is one, else begin)");
  verb->add_flag(
      "--clear-nodes", flags->clear_nodes,
      "nodes that were drained (a check found them wrong, or they failed often) may work "
      "again");
  verb->add_option("--faults", flags->faults,
                   "do the faults of this scenario on purpose (docs/scenario.md)");
  verb->add_option("--seed", flags->seed, "draw the faults with it (default: the scenario's)");
  verb->add_flag("--json", common.json, "print one JSON object a line");
  add_slurm_options(*verb, flags->slurm);
  verb->callback([flags, &common] { common.exit_code = run_train(*flags, common); });
}

}  // namespace celere::cli
