// A training that is only played, for tests of agents and supervisors without libtorch: one program
// in three parts.
//
//   played_training agent --run-directory D --node K --folder F
//   played_training train ...          a worker: sleeps for each step, says what a worker says
//   played_training supervise D NODES  a supervisor, to be killed
//
// How it plays stands in D/play, numbers with names: "ranks 2 steps 100 step_ms 10 save_every 20
// late_ms 150" (before it says that it went on). What is saved is a number in D/progress.
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "launch/agent.hpp"
#include "launch/played_job.hpp"
#include "launch/supervisor.hpp"
#include "wire/flight_record.hpp"
#include "wire/orders.hpp"
#include "wire/worker_exit.hpp"

namespace celere::launch {
namespace {

std::atomic<int> interrupts = 0;
extern "C" void count(int /*signal*/) { ++interrupts; }

// Flags by name; one that comes again keeps its last value.
std::map<std::string, std::string> flags_of(int argc, char** argv) {
  std::map<std::string, std::string> out;
  for (int i = 2; i < argc; ++i) {
    const bool has_value = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0;
    out[argv[i]] = has_value ? argv[i + 1] : "";
    if (has_value) ++i;
  }
  return out;
}

int play_agent(std::map<std::string, std::string> flags) {
  const auto files = local_files();
  const auto processes = local_processes();
  SystemClock clock;
  AgentOptions options;
  options.directory.folder = flags["--run-directory"];
  options.node = std::stoi(flags["--node"]);
  options.host = "here";
  options.folder = flags["--folder"];
  options.beat_every = Seconds::of(0.2);
  options.notice = Seconds::of(5);
  options.alone_max = Seconds::of(10);
  return run_agent({*processes, *files, clock}, options, interrupts).ok() ? 0 : 1;
}

class PlayedWorker {
 public:
  explicit PlayedWorker(std::map<std::string, std::string> flags)
      : flags_(std::move(flags)), play_(read_play(flags_["--run-directory"])) {}

  int run() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGUSR1, SIG_IGN);  // it has no stack to show
    rank_ = std::stoi(flags_["--rank"]);
    auto flight = wire::FlightRecord::create(flags_["--flight"], rank_, clock_);
    if (!flight.ok()) return wire::worker_failed;
    if (play_["fails"] > 0) {
      std::fputs("it cannot be played\n", stderr);
      return wire::worker_failed;
    }
    step_ = saved();
    say("started", fmt::format(R"("step":{},"total_steps":{})", step_, play_["steps"]));
    while (step_ < play_["steps"]) {
      flight->pulse(step_, wire::RankPhase::computing);
      clock_.sleep(Seconds::of(static_cast<double>(play_["step_ms"]) * 1e-3));
      ++step_;
      flight->step_done({step_, Seconds::of(0.01), Seconds::of(0.01)});
      say_step();
      obey(*flight);
      if (step_ % play_["save_every"] == 0 || step_ == play_["steps"]) save();
      if (interrupts > 0) {
        save();
        say("stopped", fmt::format(R"("step":{})", step_));
        return wire::worker_stopped;
      }
    }
    say("done", fmt::format(R"("step":{})", step_));
    return wire::worker_done;
  }

 private:
  void say(const std::string& event, const std::string& fields) {
    if (rank_ != 0) return;
    std::printf("{\"kind\":\"event\",\"time\":\"%s\",\"event\":\"%s\",%s}\n",
                written_utc(clock_.wall()).c_str(), event.c_str(), fields.c_str());
    std::fflush(stdout);
  }
  void say_step() {
    if (rank_ == 0) std::printf("{\"kind\":\"step\",\"step\":%ld,\"loss\":2.0}\n", step_);
    std::fflush(stdout);
  }
  std::string progress() { return flags_["--run-directory"] + "/progress"; }
  std::int64_t saved() {
    std::int64_t step = 0;
    std::ifstream(progress()) >> step;
    return step;
  }
  void save() {
    if (rank_ != 0) return;
    (void)files_->write(progress(), std::to_string(step_));
    say("checkpoint_saved", fmt::format(R"("step":{})", step_));
  }
  void obey(const wire::FlightRecord& flight) {
    if (flight.order() <= done_) return;
    const auto orders = wire::read_orders(*files_, flags_["--orders"], done_);
    if (!orders.ok()) return;
    for (const wire::Order& order : *orders) {
      done_ = order.number;
      if (std::holds_alternative<wire::SaveOrder>(order.what)) save();
      if (const auto* regroup = std::get_if<wire::RegroupOrder>(&order.what)) {
        if (play_["late_ms"] > 0) {
          clock_.sleep(Seconds::of(static_cast<double>(play_["late_ms"]) * 1e-3));
          say_step();
          clock_.sleep(Seconds::of(static_cast<double>(play_["late_ms"]) * 1e-3));
        }
        rank_ = regroup->rank;
        say("went_on", fmt::format(R"("generation":{},"step":{})", regroup->generation, step_));
      }
    }
  }

  std::map<std::string, std::string> flags_;
  std::map<std::string, std::int64_t> play_;
  std::unique_ptr<Files> files_ = local_files();
  SystemClock clock_;
  int rank_ = 0;
  std::int64_t step_ = 0;
  std::uint64_t done_ = 0;
};

int play_supervisor(const std::string& directory, int nodes) {
  const auto files = local_files();
  const auto processes = local_processes();
  const auto storage = checkpoint::local_storage();
  SystemClock clock;
  LocalNodes local(*processes, *files, clock, played_nodes(directory, nodes));
  const auto secret = wire::Secret::at(directory + "/secret");
  if (!secret.ok()) return 2;
  auto supervisor =
      Supervisor::make({*processes, *files, *storage, clock, &local}, played_job(directory, nodes),
                       *secret, {"127.0.0.1", 0}, [](const std::string&) {});
  if (!supervisor.ok()) return 2;
  return static_cast<int>((*supervisor)->run(interrupts));
}

}  // namespace
}  // namespace celere::launch

int main(int argc, char** argv) {
  using namespace celere::launch;
  std::signal(SIGTERM, count);
  const std::string part = argc > 1 ? argv[1] : "";
  if (part == "agent") return play_agent(flags_of(argc, argv));
  if (part == "train") return PlayedWorker(flags_of(argc, argv)).run();
  if (part == "supervise" && argc == 4) return play_supervisor(argv[2], std::stoi(argv[3]));
  return 2;
}
