#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <filesystem>
#include <memory>
#include <thread>

#include "cli/interrupts.hpp"
#include "cli/verbs.hpp"
#include "launch/fault_maker.hpp"
#include "launch/supervisor.hpp"
#include "spec/catalog.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string directory, corpus, layout, faults, address = "127.0.0.1", interface = "lo";
  std::string node_folder;
  std::int64_t stop_after = -1, seed = 1;
  int nodes = 0, threads = 0;
  bool agents_elsewhere = false, clear_nodes = false;
};

// Lines for who shows them, the front at the other end of a pipe. One that reads no more (somebody
// pressed Ctrl-Z) does not hold us up: lines wait here, and of too many the oldest are not shown.
// The log has them all.
class Shown {
 public:
  Shown() {
    struct stat about{};
    const bool pipe = ::fstat(STDOUT_FILENO, &about) == 0 && S_ISFIFO(about.st_mode);
    if (pipe) ::fcntl(STDOUT_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK);
  }
  ~Shown() {
    pollfd wait{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    while (!waiting_.empty() && ::poll(&wait, 1, patience_ms) == 1) write();
  }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;

  void say(const std::string& line) {
    waiting_.push_back(line + "\n");
    // The first may be written in part.
    if (waiting_.size() > lines_max) waiting_.erase(waiting_.begin() + 1);
    write();
  }

 private:
  static constexpr std::size_t lines_max = 10000;
  static constexpr int patience_ms = 1000;

  void write() {
    while (!waiting_.empty()) {
      const std::string_view rest = std::string_view(waiting_.front()).substr(written_);
      const ssize_t count = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      written_ += count < 0 ? rest.size() : static_cast<std::size_t>(count);  // nobody is there
      if (written_ < waiting_.front().size()) continue;
      waiting_.pop_front();
      written_ = 0;
    }
  }

  std::deque<std::string> waiting_;
  std::size_t written_ = 0;  // of the first
};

Result<launch::Job> job_of(const Flags& flags, const std::vector<std::string>& folders,
                           const spec::Catalog& catalog, const Files& files) {
  const wire::RunDirectory directory{flags.directory};
  ASSIGN_OR_RETURN(const std::string content, files.read(directory.run_file()));
  ASSIGN_OR_RETURN(const spec::Run run, spec::parse_run(content, directory.run_file()));
  const launch::JobWish wish{.directory = directory,
                             .corpus = flags.corpus,
                             .layout = flags.layout,
                             .nodes = flags.nodes,
                             .threads = flags.threads,
                             .stop_after = flags.stop_after,
                             .catalog = folders,
                             .cores = static_cast<int>(std::thread::hardware_concurrency()),
                             .one_machine = !flags.agents_elsewhere};
  ASSIGN_OR_RETURN(launch::Job job, make_job(run, catalog, wish));
  job.plan = launch::planner_of(run, catalog);
  job.interface = flags.interface;
  job.clear_nodes = flags.clear_nodes;
  return job;
}

Result<std::unique_ptr<launch::FaultMaker>> faults_of(const Flags& flags, const launch::Job& job,
                                                      const Files& files, const Clock& clock) {
  std::vector<wire::Event> before;
  if (files.exists(job.directory.events())) {
    ASSIGN_OR_RETURN(before, wire::read_events(files, job.directory.events()));
  }
  ASSIGN_OR_RETURN(const std::string content, files.read(flags.faults));
  ASSIGN_OR_RETURN(spec::Scenario scenario, spec::parse_scenario(content, flags.faults));
  const spec::FaultGround ground{.ranks = static_cast<int>(job.layout.ranks()), .nodes = job.nodes};
  RETURN_IF_ERROR(spec::fits(scenario, ground));
  ASSIGN_OR_RETURN(
      launch::FaultMaker maker,
      launch::FaultMaker::make(
          spec::FaultSchedule(std::move(scenario), static_cast<std::uint64_t>(flags.seed), ground),
          clock, before));
  return std::make_unique<launch::FaultMaker>(std::move(maker));
}

Result<launch::Ended> supervise(const Flags& flags, const Common& common) {
  const std::atomic<int>& interrupts = counted_interrupts();  // from the beginning
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<Processes> processes = local_processes();
  const std::unique_ptr<checkpoint::Storage> storage = checkpoint::local_storage();
  SystemClock clock;
  const std::vector<std::string> folders = catalog_folders(common);
  const spec::Catalog catalog(*files, folders);
  ASSIGN_OR_RETURN(launch::Job job, job_of(flags, folders, catalog, *files));
  ASSIGN_OR_RETURN(const wire::RunLock lock, wire::RunLock::take(job.directory));
  ASSIGN_OR_RETURN(const wire::Secret secret, wire::Secret::at(job.directory.secret()));
  std::unique_ptr<launch::FaultMaker> faults;
  if (!flags.faults.empty()) {
    ASSIGN_OR_RETURN(faults, faults_of(flags, job, *files, clock));
  }
  const std::string folder =
      flags.node_folder.empty() ? flags.directory + "/nodes" : flags.node_folder;
  std::unique_ptr<launch::LocalNodes> local;
  if (!flags.agents_elsewhere) {
    local =
        std::make_unique<launch::LocalNodes>(*processes, *files, clock,
                                             launch::LocalNodesOptions{.program = own_program(),
                                                                       .directory = job.directory,
                                                                       .folder = folder,
                                                                       .count = job.nodes});
  }
  Shown shown;
  ASSIGN_OR_RETURN(const std::unique_ptr<launch::Supervisor> supervisor,
                   launch::Supervisor::make({*processes, *files, *storage, clock, local.get()},
                                            std::move(job), secret, {flags.address, 0},
                                            [&](const std::string& line) { shown.say(line); }));
  if (faults) supervisor->add_faults(std::move(faults));
  const launch::Ended ended = supervisor->run(interrupts);
  std::error_code problem;
  if (local) std::filesystem::remove_all(folder, problem);
  return ended;
}

int run_supervise(const Flags& flags, const Common& common) {
  std::signal(SIGPIPE, SIG_IGN);  // who shows our lines may go
  const Result<launch::Ended> ended = supervise(flags, common);
  if (!ended.ok()) return complain(ended.error().text());
  switch (*ended) {
    case launch::Ended::done:
      return exit_fine;
    case launch::Ended::stopped:
      return exit_stopped;
    case launch::Ended::gave_up:
      return exit_no;
  }
  CHECK(false);
}

}  // namespace

void add_supervise(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "supervise", "Leads a training whose run directory is there; train and Slurm jobs start it");
  verb->add_option("--run-directory", flags->directory, "with the frozen run file")->required();
  verb->add_option("--corpus", flags->corpus, "made by celere data build")->required();
  verb->add_option("--layout", flags->layout, "these of the layout instead of the run file's");
  verb->add_option("--nodes", flags->nodes, "spares among them (default: what the run file says)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--threads", flags->threads, "of each rank")->check(CLI::Range(1, 1024));
  verb->add_option("--stop-after", flags->stop_after, "stop, saved, behind this step");
  verb->add_option("--faults", flags->faults, "a scenario of faults to do (docs/scenario.md)");
  verb->add_option("--seed", flags->seed, "of the faults");
  verb->add_flag("--agents-elsewhere", flags->agents_elsewhere,
                 "agents come by themselves, on other machines; none are started here");
  verb->add_flag("--clear-nodes", flags->clear_nodes, "nodes that were drained may work again");
  verb->add_option("--address", flags->address, "of this machine, where agents find us");
  verb->add_option("--interface", flags->interface, "by which ranks reach each other");
  verb->add_option("--node-folder", flags->node_folder,
                   "for the folders of the nodes started here (default: in the run directory)");
  verb->callback([flags, &common] { common.exit_code = run_supervise(*flags, common); });
}

}  // namespace celere::cli
