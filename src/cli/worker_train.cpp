#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/stack_signal.hpp"
#include "cli/worker_verbs.hpp"
#include "train/supervised.hpp"
#include "wire/worker_exit.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string directory, corpus;
  std::vector<std::string> catalog;
  std::int64_t stop_after = -1;
  std::int64_t from_step = -1;
  std::vector<std::int64_t> skipped;
  train::Standpoint at;
  bool supervised = false;
  std::string flight, orders;
  int parent = 0;
  checkpoint::MemoryOptions memory;
};

std::atomic<bool> stop = false;

extern "C" void ask_to_stop(int /*signal*/) { stop = true; }

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

Result<train::Outcome> train_here(const Flags& flags) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<checkpoint::Storage> storage = checkpoint::local_storage();
  SystemClock clock;
  const spec::Catalog catalog(*files, flags.catalog);
  const train::RankWorld world{
      .catalog = catalog, .files = *files, .storage = *storage, .clock = clock, .say = say};
  std::unique_ptr<train::Supervised> supervised;
  if (!flags.flight.empty()) {
    write_stack_on_signal(flags.flight + ".stack");
    ASSIGN_OR_RETURN(supervised,
                     train::Supervised::begin(world, flags.at.rank, {flags.flight, flags.orders}));
  }
  const wire::RunDirectory directory{flags.directory};
  std::optional<wire::RunLock> lock;
  if (flags.at.rank == 0 && !flags.supervised) {
    ASSIGN_OR_RETURN(lock, wire::RunLock::take(directory));
  }
  ASSIGN_OR_RETURN(const std::string content, files->read(directory.run_file()));
  train::RankOptions options;
  ASSIGN_OR_RETURN(options.run, spec::parse_run(content, directory.run_file()));
  options.supervised = flags.supervised;
  options.trainer = {.directory = directory,
                     .corpus = flags.corpus,
                     .stop_after = flags.stop_after,
                     .skipped = {flags.skipped.begin(), flags.skipped.end()},
                     .memory = flags.memory};
  if (flags.from_step >= 0) options.trainer.from_step = flags.from_step;
  return train::train_rank(options, supervised ? supervised->world() : world, flags.at, stop);
}

int exit_code_of(const train::Outcome& outcome, bool supervised) {
  switch (outcome.ended) {
    case train::Ended::done:
      return wire::worker_done;
    case train::Ended::stopped:
      return outcome.asked && supervised ? wire::worker_stopped : wire::worker_done;
    case train::Ended::not_finite:
      return wire::worker_not_finite;
    case train::Ended::mismatch:
      return wire::worker_mismatch;
    case train::Ended::regroup:
      break;
  }
  return wire::worker_failed;
}

// A supervised worker dies with its agent, at once: as one that is asked to stop it would take all
// others along.
Status tie_to(int parent) {
  if (parent == 0) return Done{};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == parent) return Done{};
  return Error{ErrorCode::io, fmt::format("process {} that started this is gone", parent), {}};
}

int run_train(const Flags& flags) {
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  const Status tied = tie_to(flags.parent);
  const Result<train::Outcome> outcome =
      tied.ok() ? train_here(flags) : Result<train::Outcome>(tied.error());
  if (!outcome.ok()) {
    std::fprintf(stderr, "%s\n", outcome.error().text().c_str());
    return wire::worker_failed;
  }
  return exit_code_of(*outcome, flags.supervised);
}

}  // namespace

void add_train(CLI::App& app, WorkerCommon& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("train", "Trains what a run directory says");
  verb->add_option("--run-directory", flags->directory, "with the frozen run file")->required();
  verb->add_option("--corpus", flags->corpus, "made by celere data build")->required();
  verb->add_option("--catalog", flags->catalog, "folders that are looked through first");
  verb->add_option("--stop-after", flags->stop_after, "stop, saved, behind this step");
  verb->add_option("--from-step", flags->from_step,
                   "begin with the newest good checkpoint up to this step; later ones are not "
                   "trusted");
  verb->add_option("--skip-step", flags->skipped,
                   "a step (from 1) whose samples are consumed and not trained on");
  verb->add_option("--layout", flags->at.layout, "these of the layout instead of the run file's");
  verb->add_option("--rank", flags->at.rank, "which one of the layout's ranks this is");
  verb->add_option("--meeting", flags->at.meeting,
                   "by which the ranks find each other: a new file, or HOST:PORT of rank 0");
  verb->add_option("--interface", flags->at.interface, "of the network; lo: one machine");
  verb->add_option("--generation", flags->at.generation, "of workers, which events name");
  verb->add_flag("--joining", flags->at.joins, "into a training under way, with others' weights");
  verb->add_flag("--supervised", flags->supervised,
                 "events are only said: who started this writes them down and has the run's lock");
  verb->add_option("--flight", flags->flight, "the flight record to make");
  verb->add_option("--orders", flags->orders, "the file of orders to hear")->needs("--flight");
  verb->add_option("--memory", flags->memory.folder,
                   "a folder in this node's memory, for copies of checkpoints");
  verb->add_option("--ranks-per-node", flags->memory.ranks_per_node,
                   "that share such a folder; 0: all");
  verb->add_option("--parent", flags->parent, "the process with which this one dies");
  verb->callback([flags, &common] { common.exit_code = run_train(*flags); });
}

}  // namespace celere::cli
