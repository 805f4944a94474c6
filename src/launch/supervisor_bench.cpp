// What one supervisor costs that holds a large training: processor, memory, traffic, and how soon
// it acts. It is the real one, in a process of its own, with its policy, log and status; its agents
// are played by this process over loopback, one connection a node, a beat a second from each.
//
// Sketch, at 100,000 ranks on 12,500 nodes: a beat of 8 ranks is 2 KB of JSON, so 26 MB/s come. To
// seal one (BLAKE2b) takes 6 us, to read it 8 us (wire/beat_text.hpp; 136 us by the general
// reader), to receive it some 3 us: a fifth of a core. A start is one message of 0.5 KB to each
// node. A node is taken for gone after 5 s without its connection, or without a beat on it.
//
// 64 to 256 ranks as a test; 1,000 to 100,000 where CELERE_BENCH_LONG is set.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "launch/supervisor.hpp"
#include "launch/supervisor_place.hpp"
#include "wire/channel.hpp"

namespace celere::launch {
namespace {

constexpr int per_node = 8, spares = 4;

bool is_long() { return std::getenv("CELERE_BENCH_LONG") != nullptr; }

// A connection is a descriptor at either end. Root may raise the limit itself.
void allow_descriptors(int count) {
  rlimit limit{};
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto wanted = static_cast<rlim_t>(count) + 200;
  if (limit.rlim_cur >= wanted) return;
  limit = {.rlim_cur = wanted, .rlim_max = std::max(limit.rlim_max, wanted)};
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Job job_of(const std::string& folder, int ranks) {
  Job job;
  job.directory.folder = folder;
  job.layout.tp = per_node;
  job.layout.pp = ranks % 10000 == 0 ? 10 : ranks % 1000 == 0 ? 5 : 2;
  job.layout.dp = ranks / (job.layout.tp * job.layout.pp);
  job.counts.gpus = ranks;
  job.ranks_per_node = per_node;
  job.nodes = ranks / per_node + spares;
  job.one_machine = false;
  job.worker_arguments = {"train", "--run-directory", "/shared/runs/the-next-one", "--corpus",
                          "/shared/corpora/all-of-it"};
  job.settings.back_off = Seconds::of(0.1);
  if (!is_long()) job.watch.silent_max = job.watch.away_max = Seconds::of(1.5);
  return job;
}

// The other process. It says which nodes are gone.
int supervise(const std::string& folder, int ranks) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto files = local_files();
  const auto processes = local_processes();
  const auto storage = checkpoint::local_storage();
  SystemClock clock;
  const auto secret = wire::Secret::at(folder + "/secret");
  CHECK(secret.ok());
  allow_descriptors(ranks / per_node + spares);
  auto supervisor =
      Supervisor::make({*processes, *files, *storage, clock, nullptr}, job_of(folder, ranks),
                       *secret, {"127.0.0.1", 0}, [](const std::string& line) {
                         if (line.find("node_gone") == line.npos) return;
                         std::puts(line.c_str());
                         std::fflush(stdout);
                       });
  CHECK(supervisor.ok());
  const std::atomic<int> interrupts = 0;
  return static_cast<int>((*supervisor)->run(interrupts));
}

struct Traffic {
  std::int64_t messages = 0, bytes = 0;
  void count(std::size_t message) {
    ++messages;
    bytes += static_cast<std::int64_t>(4 + message + wire::seal_bytes);
  }
};

// All agents of a training, in one thread.
class Agents {
 public:
  Agents(const wire::Secret& secret, wire::Address address, int count)
      : secret_(secret), address_(std::move(address)), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    CHECK(poll_ >= 0);
    agents_.resize(static_cast<std::size_t>(count));
    began_ = clock_.now();
  }
  ~Agents() { ::close(poll_); }
  Agents(const Agents&) = delete;
  Agents& operator=(const Agents&) = delete;

  void connect(int node) {
    Agent& agent = agents_[static_cast<std::size_t>(node)];
    auto channel = wire::Channel::connect(secret_, address_);
    // Thousands at once are more than wait at a door.
    for (int i = 0; i < 30 && !channel.ok(); ++i) {
      channel = wire::Channel::connect(secret_, address_);
    }
    CHECK(channel.ok());
    agent.channel = *std::move(channel);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = static_cast<std::uint64_t>(node)}};
    CHECK_EQ(epoll_ctl(poll_, EPOLL_CTL_ADD, agent.channel->descriptor(), &event), 0);
    say(node, wire::AgentHello{.node = node,
                               .host = fmt::format("node-{:05}", node),
                               .address = "10.0.0.1",
                               .epoch = 0,
                               .generation = agent.generation,
                               .ranks = agent.ranks});
  }

  // What has come, and the beats that are due.
  void work() {
    std::array<epoll_event, 1024> events;
    const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 1);
    for (int i = 0; i < count; ++i) {
      hear(static_cast<int>(events[static_cast<std::size_t>(i)].data.u64));
    }
    const double now_s = (clock_.now() - began_).in_base();
    const auto nodes = static_cast<std::int64_t>(agents_.size());
    const auto due = static_cast<std::int64_t>(now_s * static_cast<double>(nodes));
    // One that comes late beats late, and not twice.
    for (due_ = std::max(due_, due - nodes); due_ < due; ++due_) {
      beat(static_cast<int>(due_ % nodes));
    }
  }

  void end_worker(std::int64_t generation, std::int64_t rank) {
    const auto node = static_cast<int>(node_of(rank));
    say(node, wire::WorkerEnded{generation, rank, {}, SIGKILL, ""});
  }
  void close(int node) { agents_[static_cast<std::size_t>(node)] = {}; }
  void silence(int node) { agents_[static_cast<std::size_t>(node)].silent = true; }
  int node_of(std::int64_t rank) const {
    for (std::size_t node = 0; node < agents_.size(); ++node) {
      const wire::Ranks& ranks = agents_[node].ranks;
      if (std::find(ranks.begin(), ranks.end(), rank) != ranks.end()) return static_cast<int>(node);
    }
    CHECK(false);
  }
  // Nodes that were told to start the newest generation, and which that is.
  int started() const { return started_; }
  std::int64_t generation() const { return generation_; }
  // Both ways; beats, which time brings, by themselves.
  Traffic up, down, beats;

 private:
  struct Agent {
    std::optional<wire::Channel> channel;
    std::int64_t generation = 0, step_told = 0;
    wire::Ranks ranks;
    bool silent = false;
  };

  void say(int node, const wire::AgentMessage& message) {
    Agent& agent = agents_[static_cast<std::size_t>(node)];
    if (!agent.channel || agent.silent) return;
    const std::string text = written_json(message);
    (std::holds_alternative<wire::AgentBeat>(message) ? beats : up).count(text.size());
    agent.channel->send(text);
    (void)agent.channel->work();
    if (agent.channel->wants_to_write()) (void)agent.channel->work();  // the first, once greeted
    take(node);
  }

  void hear(int node) {
    Agent& agent = agents_[static_cast<std::size_t>(node)];
    if (!agent.channel) return;
    const bool alive = agent.channel->work().ok();
    take(node);
    if (!alive) agent.channel.reset();
    // What was said before the other's greeting came.
    if (agent.channel && agent.channel->wants_to_write()) (void)agent.channel->work();
  }

  void take(int node) {
    Agent& agent = agents_[static_cast<std::size_t>(node)];
    while (agent.channel) {
      const std::optional<std::string> text = agent.channel->next();
      if (!text) break;
      down.count(text->size());
      const auto message = wire::parse_agent_message(*text);
      CHECK(message.ok());
      obey(node, *message);
    }
  }

  void obey(int node, const wire::AgentMessage& order) {
    Agent& agent = agents_[static_cast<std::size_t>(node)];
    if (const auto* start = std::get_if<wire::StartWorkers>(&order)) {
      agent.generation = start->generation;
      agent.ranks = start->ranks;
      if (start->generation > generation_) started_ = 0;
      generation_ = std::max(generation_, start->generation);
      ++started_;
      beat(node);
    }
    if (const auto* halt = std::get_if<wire::HaltWorkers>(&order)) {
      agent.generation = 0;
      agent.ranks.clear();
      say(node, wire::WorkersCleared{halt->generation});
    }
  }

  // A step is done every second, whatever becomes of the generation: as if each were saved.
  void beat(int node) {
    Agent& agent = agents_[static_cast<std::size_t>(node)];
    if (!agent.channel || agent.silent) return;
    wire::AgentBeat beat{.generation = agent.generation, .ranks = {}};
    const double now_s = (clock_.now() - began_).in_base();
    const auto step = static_cast<std::int64_t>(now_s);
    for (const std::int64_t rank : agent.ranks) {
      wire::RankBeat one{.rank = rank,
                         .process = 100000 + rank,
                         .step = step,
                         .phase = "computing",
                         .phase_time_s = now_s - static_cast<double>(step),
                         .collective = wire::InCollective{"replicas", "all_reduce", step * 97,
                                                          std::int64_t{4} << 20, 0.0125},
                         .steps = {}};
      const double time_s = 0.9 + 0.01 * static_cast<double>((rank * 7 + step * 13) % 10);
      if (agent.step_told < step) one.steps = {{step, time_s, 1.0}};
      beat.ranks.push_back(std::move(one));
    }
    const bool leads = !agent.ranks.empty() && agent.ranks.front() == 0;
    if (leads && agent.step_told < step) {
      wire::StepMetrics metrics;
      metrics.step = step;
      metrics.loss = 2.5;
      say(node, wire::WorkerSaid{agent.generation, 0,
                                 R"({"kind":"step",)" + written_json(metrics).substr(1)});
    }
    agent.step_told = step;
    say(node, beat);
  }

  wire::Secret secret_;
  wire::Address address_;
  int poll_ = -1;
  SystemClock clock_;
  Instant began_{};
  std::vector<Agent> agents_;
  std::int64_t due_ = 0, generation_ = 0;
  int started_ = 0;
};

// A supervisor in its process, and its agents here.
class Training {
 public:
  explicit Training(int ranks) : nodes_(ranks / per_node) {
    allow_descriptors(nodes_ + spares);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/checkpoints");
    const auto secret = wire::Secret::at(folder_ + "/secret");
    CHECK(secret.ok());
    Command command;
    command.program = "/proc/self/exe";
    command.arguments = {"supervise", folder_, std::to_string(ranks)};
    command.output.kind = Output::Kind::capture;
    auto process = processes_->start(command);
    CHECK(process.ok());
    process_ = *std::move(process);
    auto place = read_supervisor(*files_, {folder_});
    for (int i = 0; i < 1000 && !place.ok(); ++i) {
      clock_.sleep(Seconds::of(0.01));
      place = read_supervisor(*files_, {folder_});
    }
    CHECK(place.ok());
    agents_.emplace(*secret, place->address, nodes_ + spares);
  }
  ~Training() {
    process_.reset();
    std::filesystem::remove_all(folder_);
  }
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  Agents& agents() { return *agents_; }

  // From the first connection to the last order to start.
  Seconds start() {
    const Instant began = clock_.now();
    for (int node = 0; node < nodes_ + spares; ++node) {
      agents_->connect(node);
      if (node % 64 == 0) agents_->work();
    }
    wait_for_start(0);
    return clock_.now() - began;
  }
  // Until all workers of a generation behind this one are ordered.
  void wait_for_start(std::int64_t generation) {
    until([&] { return agents_->generation() > generation && agents_->started() == nodes_; });
  }
  void wait_for_event(const std::string& name) {
    const std::string text = fmt::format(R"("event":"{}")", name);
    until([&] {
      said_ += process_->take_output();
      const bool came = said_.find(text) != std::string::npos;
      if (came) said_.clear();
      return came;
    });
  }
  void go_on(Seconds time) {
    const Instant end = clock_.now() + time;
    while (clock_.now() < end) agents_->work();
    said_.clear();
    (void)process_->take_output();
  }

  // Of the supervisor's process.
  Seconds cpu_time() const {
    std::ifstream file(fmt::format("/proc/{}/stat", process_->id()));
    std::string text((std::istreambuf_iterator<char>(file)), {});
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) rest >> skipped;
    double user = 0, system = 0;
    rest >> user >> system;
    return Seconds::of((user + system) / static_cast<double>(sysconf(_SC_CLK_TCK)));
  }
  double resident_mib() const {
    std::ifstream file(fmt::format("/proc/{}/statm", process_->id()));
    double whole = 0, resident = 0;
    file >> whole >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
  }
  Instant now() const { return clock_.now(); }

 private:
  template <typename Is>
  void until(const Is& is) {
    const Instant end = clock_.now() + Seconds::of(is_long() ? 300 : 30);
    while (!is()) {
      if (const auto ending = process_->ending()) {
        std::fputs((written(*ending) + "\n").c_str(), stderr);
        CHECK(false);
      }
      CHECK(clock_.now() < end);
      agents_->work();
    }
  }

  int nodes_;
  SystemClock clock_;
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<Processes> processes_ = local_processes();
  const std::string folder_ = (std::filesystem::temp_directory_path() /
                               fmt::format("celere-supervisor-bench-{}", ::getpid()))
                                  .string();
  std::unique_ptr<Process> process_;
  std::optional<Agents> agents_;
  std::string said_;
};

void holds(benchmark::State& state) {
  const auto ranks = static_cast<int>(state.range(0));
  const Seconds steady = Seconds::of(is_long() ? 15 : 1.2);
  const Seconds pause = Seconds::of(is_long() ? 4 : 1.5);  // in which some step is done
  for (auto _ : state) {
    Training training(ranks);
    Agents& agents = training.agents();
    state.counters["start_s"] = training.start().in_base();
    training.go_on(pause);

    const Seconds cpu = training.cpu_time();
    const Traffic before = agents.beats;
    Instant began = training.now();
    training.go_on(steady);
    const double time_s = (training.now() - began).in_base();
    state.counters["cpu_share"] = (training.cpu_time() - cpu).in_base() / time_s;
    state.counters["beats_per_s"] =
        static_cast<double>(agents.beats.messages - before.messages) / time_s;
    state.counters["heard_mb_per_s"] =
        static_cast<double>(agents.beats.bytes - before.bytes) / time_s * 1e-6;
    state.counters["rss_mib"] = training.resident_mib();

    began = training.now();
    std::int64_t generation = agents.generation();
    agents.end_worker(generation, ranks / 2);
    training.wait_for_start(generation);
    state.counters["restart_s"] = (training.now() - began).in_base();
    training.go_on(pause);

    began = training.now();
    generation = agents.generation();
    agents.close(agents.node_of(ranks / 3));
    training.wait_for_event("node_gone");
    state.counters["lost_seen_s"] = (training.now() - began).in_base();
    training.wait_for_start(generation);
    state.counters["lost_restart_s"] = (training.now() - began).in_base();
    training.go_on(pause);

    began = training.now();
    agents.silence(agents.node_of(ranks / 4));
    training.wait_for_event("node_gone");
    state.counters["silent_seen_s"] = (training.now() - began).in_base();
    state.SetIterationTime(time_s);
  }
}
BENCHMARK(holds)
    ->Arg(is_long() ? 100000 : 64)
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

// All that is said, but for beats, until the last worker was ordered to start. It must grow as n
// log n at most.
void start_up(benchmark::State& state) {
  const std::vector<int> sizes =
      is_long() ? std::vector{1000, 10000, 100000} : std::vector{64, 128, 256};
  for (auto _ : state) {
    double share_before = 0;
    for (const int ranks : sizes) {
      Training training(ranks);
      const Seconds time = training.start();
      const Agents& agents = training.agents();
      const auto bytes = static_cast<double>(agents.up.bytes + agents.down.bytes);
      const double share = bytes / (ranks * std::log2(ranks));
      const std::string at = fmt::format("_{}", ranks);
      state.counters["messages" + at] =
          static_cast<double>(agents.up.messages + agents.down.messages);
      state.counters["bytes" + at] = bytes;
      state.counters["bytes_per_n_log_n" + at] = share;
      state.counters["start_s" + at] = time.in_base();
      CHECK(share_before == 0 || share < 1.1 * share_before);
      share_before = share;
    }
  }
}
BENCHMARK(start_up)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace celere::launch

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "supervise") {
    return celere::launch::supervise(argv[2], std::stoi(argv[3]));
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
