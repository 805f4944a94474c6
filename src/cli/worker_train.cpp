#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/worker_verbs.hpp"
#include "spec/layout_wish.hpp"
#include "train/rank_peers.hpp"
#include "train/trainer.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string directory, corpus;
  std::vector<std::string> catalog;
  std::int64_t stop_after = -1;
  std::string layout, meeting;
  int rank = 0;
};

std::atomic<bool> stop = false;

extern "C" void ask_to_stop(int /*signal*/) { stop = true; }

// This rank among the others: the groups of the training, and of those who write its checkpoints.
struct Ranks {
  nn::Mesh mesh;
  nn::ProcessGroup writers;
};
Result<Ranks> meet(const Flags& flags, const train::Setup& setup) {
  Ranks ranks;
  const auto count = static_cast<int>(setup.layout.ranks());
  if (count == 1) return ranks;
  ASSIGN_OR_RETURN(const nn::Meeting meeting, nn::Meeting::at_file(flags.meeting, count));
  ASSIGN_OR_RETURN(ranks.mesh, nn::Mesh::make(meeting, setup.layout,
                                              {.rank = flags.rank,
                                               .kv_heads = setup.model.attention.kv_heads,
                                               .interface = "lo"}));
  ASSIGN_OR_RETURN(
      ranks.writers,
      nn::ProcessGroup::make(
          meeting, {.name = "writers", .rank = flags.rank, .size = count, .interface = "lo"}));
  return ranks;
}

Result<train::Outcome> train_here(const Flags& flags) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<checkpoint::Storage> storage = checkpoint::local_storage();
  const SystemClock clock;
  const wire::RunDirectory directory{flags.directory};
  std::optional<wire::RunLock> lock;
  if (flags.rank == 0) {
    ASSIGN_OR_RETURN(lock, wire::RunLock::take(directory));
  }
  ASSIGN_OR_RETURN(const std::string content, files->read(directory.run_file()));
  ASSIGN_OR_RETURN(spec::Run run, spec::parse_run(content, directory.run_file()));
  if (!flags.layout.empty()) {
    ASSIGN_OR_RETURN(const spec::LayoutWish wish, spec::parse_layout_text(flags.layout));
    run.layout = spec::merged(run.layout, wish);
  }
  const spec::Catalog catalog(*files, flags.catalog);
  const std::string from = flags.layout.empty() ? "" : " with --layout " + flags.layout;
  ASSIGN_OR_RETURN(
      train::Setup setup,
      train::make_setup(std::move(run), catalog).during("taking " + directory.run_file() + from));
  ASSIGN_OR_RETURN(const Ranks ranks, meet(flags, setup));
  train::RankPeers peers(ranks.writers);
  train::Recorder recorder = train::Recorder::silent(clock);
  if (flags.rank == 0) {
    ASSIGN_OR_RETURN(recorder,
                     train::Recorder::open(*files, clock, directory, [](const std::string& line) {
                       std::printf("%s\n", line.c_str());
                       std::fflush(stdout);
                     }));
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<train::Trainer> trainer,
      train::Trainer::make(
          std::move(setup),
          {.directory = directory, .corpus = flags.corpus, .stop_after = flags.stop_after},
          {ranks.mesh, peers, *files, *storage, clock, recorder}));
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
  verb->add_option("--layout", flags->layout, "these of the layout instead of the run file's");
  verb->add_option("--rank", flags->rank, "which one of the layout's ranks this is");
  verb->add_option("--meeting", flags->meeting, "a new file, by which the ranks find each other");
  verb->callback([flags, &common] { common.exit_code = run_train(*flags); });
}

}  // namespace celere::cli
