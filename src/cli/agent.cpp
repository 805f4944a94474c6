#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>

#include "cli/interrupts.hpp"
#include "cli/verbs.hpp"
#include "launch/agent.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string directory, folder, address = "127.0.0.1";
  int node = 0;
  double notice = 30, alone = 60;
};

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

int run_agent(const Flags& flags) {
  const std::atomic<int>& interrupts = counted_interrupts();
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<Processes> processes = local_processes();
  SystemClock clock;
  launch::AgentOptions options;
  options.directory.folder = flags.directory;
  options.node = flags.node;
  options.host = host_name();
  options.address = flags.address;
  options.folder = flags.folder.empty()
                       ? fmt::format("{}/nodes/node-{}", flags.directory, flags.node)
                       : flags.folder;
  options.notice = Seconds::of(flags.notice);
  options.alone_max = Seconds::of(flags.alone);
  const auto ended = launch::run_agent({*processes, *files, clock}, options, interrupts);
  if (!ended.ok()) return complain(ended.error().text());
  // Not told to go, it may be started again: a supervisor may yet come.
  return *ended == launch::AgentEnded::alone ? exit_no : exit_fine;
}

}  // namespace

void add_agent(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "agent", "Keeps the workers of one node; train and Slurm jobs start it, people need not");
  verb->add_option("--run-directory", flags->directory, "of the training, which all nodes see")
      ->required();
  verb->add_option("--node", flags->node, "which node of the training this is, from 0")
      ->required()
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--folder", flags->folder,
                   "of this node alone, best in memory (default: in the run directory)");
  verb->add_option("--address", flags->address, "where the node's ranks are reached");
  verb->add_option("--notice", flags->notice,
                   "seconds from the first SIGTERM until it goes (default: 30)")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--alone", flags->alone,
                   "seconds without a supervisor until it stops its workers, saved (default: 60)")
      ->check(CLI::NonNegativeNumber);
  verb->callback([flags, &common] { common.exit_code = run_agent(*flags); });
}

}  // namespace celere::cli
