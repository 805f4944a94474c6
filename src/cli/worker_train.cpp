#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/worker_verbs.hpp"
#include "train/trainer.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string directory, corpus;
  std::vector<std::string> catalog;
  std::int64_t stop_after = -1;
};

std::atomic<bool> stop = false;

extern "C" void ask_to_stop(int /*signal*/) { stop = true; }

Result<train::Outcome> train_here(const Flags& flags) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<checkpoint::Storage> storage = checkpoint::local_storage();
  const SystemClock clock;
  const wire::RunDirectory directory{flags.directory};
  ASSIGN_OR_RETURN(const wire::RunLock lock, wire::RunLock::take(directory));
  ASSIGN_OR_RETURN(const std::string content, files->read(directory.run_file()));
  ASSIGN_OR_RETURN(spec::Run run, spec::parse_run(content, directory.run_file()));
  const spec::Catalog catalog(*files, flags.catalog);
  ASSIGN_OR_RETURN(train::Setup setup, train::make_setup(std::move(run), catalog));
  ASSIGN_OR_RETURN(train::Recorder recorder,
                   train::Recorder::open(*files, clock, directory, [](const std::string& line) {
                     std::printf("%s\n", line.c_str());
                     std::fflush(stdout);
                   }));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<train::Trainer> trainer,
      train::Trainer::make(
          std::move(setup),
          {.directory = directory, .corpus = flags.corpus, .stop_after = flags.stop_after},
          {*files, *storage, clock, recorder}));
  return trainer->run(stop);
}

int run_train(const Flags& flags) {
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  const Result<train::Outcome> outcome = train_here(flags);
  if (!outcome.ok()) {
    std::fprintf(stderr, "%s\n", outcome.error().text().c_str());
    return 2;
  }
  return outcome->ended == train::Ended::not_finite ? 1 : 0;
}

}  // namespace

void add_train(CLI::App& app, WorkerCommon& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("train", "Trains what a run directory says");
  verb->add_option("--run-directory", flags->directory, "with the frozen run file")->required();
  verb->add_option("--corpus", flags->corpus, "made by celere data build")->required();
  verb->add_option("--catalog", flags->catalog, "folders that are looked through first");
  verb->add_option("--stop-after", flags->stop_after, "stop, saved, behind this step");
  verb->callback([flags, &common] { common.exit_code = run_train(*flags); });
}

}  // namespace celere::cli
