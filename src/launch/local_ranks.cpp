#include "launch/local_ranks.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace celere::launch {
namespace {

const Seconds look_every = Seconds::of(0.05);
// How long the others may take to see that one is gone, before they are killed.
const Seconds patience = Seconds::of(5);

// A folder that is gone at the end, and in it the file at which the ranks meet.
class Meeting {
 public:
  static Result<Meeting> make() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern =
        std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/celere-meeting-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      return Error{ErrorCode::io, pattern + ": cannot be made, and ranks meet there", {}};
    }
    return Meeting(pattern);
  }
  Meeting(Meeting&& other) noexcept : folder_(std::exchange(other.folder_, "")) {}
  Meeting& operator=(Meeting&&) = delete;
  ~Meeting() {
    if (folder_.empty()) return;
    (void)std::remove(file().c_str());
    (void)std::remove(folder_.c_str());
  }
  std::string file() const { return folder_ + "/ranks"; }

 private:
  explicit Meeting(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

class Watch {
 public:
  Watch(std::vector<WorkerProcess> workers, Clock& clock)
      : workers_(std::move(workers)), ended_(workers_.size()), clock_(clock) {}

  bool running() const {
    return std::any_of(ended_.begin(), ended_.end(), [](const auto& one) { return !one; });
  }
  void send(int signal) {
    for (WorkerProcess& worker : workers_) worker.send(signal);
  }
  std::vector<std::string> lines() { return workers_.front().lines(); }

  // Sees who has ended since the last look. Of several at once the one that a signal killed counts,
  // then the one whose error is not that another is gone.
  void look() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (ended_[i]) continue;
      ended_[i] = workers_[i].ending();
      if (!ended_[i] || ended_[i]->fine() || failed_at_) continue;
      if (!failed_ || guilt(i) > guilt(*failed_)) failed_ = i;
    }
    if (failed_ && !failed_at_) failed_at_ = clock_.now();
  }
  // Those that do not end by themselves when one has failed.
  void end_the_rest() {
    if (failed_at_ && clock_.now() - *failed_at_ > patience) send(SIGKILL);
  }
  RanksEnded result() {
    const std::size_t rank = failed_.value_or(0);
    return {static_cast<int>(rank), *ended_[rank], workers_[rank].errors()};
  }

 private:
  int guilt(std::size_t i) {
    if (ended_[i]->signal) return 2;
    return workers_[i].errors().find("a collective:") == std::string::npos ? 1 : 0;
  }

  std::vector<WorkerProcess> workers_;
  std::vector<std::optional<Ending>> ended_;
  Clock& clock_;
  std::optional<std::size_t> failed_;
  std::optional<Instant> failed_at_;
};

}  // namespace

Result<RanksEnded> run_ranks(const LaunchWorld& world, const LocalRanks& ranks,
                             const std::atomic<int>& interrupts,
                             const std::function<void(const WorkerMessage&)>& hear) {
  ASSIGN_OR_RETURN(const Meeting meeting, Meeting::make());
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<WorkerProcess> workers;
  for (int rank = 0; rank < ranks.count; ++rank) {
    WorkerCommand command;
    command.threads = ranks.threads > 0 ? ranks.threads : std::max(1, cores / ranks.count);
    command.arguments = ranks.arguments;
    if (ranks.count > 1) {
      command.arguments.insert(command.arguments.end(),
                               {"--rank", std::to_string(rank), "--meeting", meeting.file()});
    }
    ASSIGN_OR_RETURN(WorkerProcess worker,
                     WorkerProcess::start(world.processes, world.files, command));
    workers.push_back(std::move(worker));
  }
  Watch watch(std::move(workers), world.clock);
  int passed_on = 0;
  for (bool running = true; running;) {
    watch.look();
    running = watch.running();
    for (const std::string& line : watch.lines()) {
      ASSIGN_OR_RETURN(const WorkerMessage message, parse_worker_message(line));
      hear(message);
    }
    if (!running) break;
    watch.end_the_rest();
    if (interrupts > passed_on) {
      ++passed_on;
      watch.send(passed_on == 1 ? SIGTERM : SIGKILL);
    }
    world.clock.sleep(look_every);
  }
  return watch.result();
}

}  // namespace celere::launch
