#include "launch/slurm.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <thread>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "base/test_folder.hpp"

namespace celere::launch {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

SlurmJob small_job(const std::string& folder) {
  SlurmJob job;
  job.name = "tiny";
  job.nodes = 2;
  job.spares = 1;
  job.log = folder + "/slurm.log";
  job.program = folder + "/celere";
  job.node_folder = folder + "/node";
  job.nodes_file = folder + "/nodes";
  job.supervisor = {"train", folder + "/runs/tiny"};
  job.agent = {"agent", "--run-directory", folder + "/runs/tiny"};
  return job;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// What stands for Slurm and celere: each says in log.txt with what it was called, a line each, its
// words between < and >. Files steer them: `state` (of the job), `left` (its nodes), `codes` (how
// each start of the supervisor ends, a line each: a code, SIGNAL, or "asked CODE").
constexpr const char* squeue_stub = R"(#!/bin/bash
case $5 in
  %T) cat "$STUB/state" ;;
  %N) paste -sd, "$STUB/left" ;;
  %D) wc -l <"$STUB/left" ;;
esac
)";
constexpr const char* scontrol_stub = R"(#!/bin/bash
if [ "$1 $2" = "show hostnames" ]; then
  case $3 in n\[0-2\]) printf '%s\n' n0 n1 n2 ;; *) tr , '\n' <<<"$3" ;; esac
else
  printf '<%s>' scontrol "$@" >>"$STUB/log.txt"; echo >>"$STUB/log.txt"
fi
)";
constexpr const char* srun_stub = R"(#!/bin/bash
before=()
while [ "$1" != bash ]; do before+=("$1"); shift; done
{ printf '<%s>' srun "${before[@]}"; echo; } >>"$STUB/log.txt"
for node in $(cat "$STUB/left"); do SLURMD_NODENAME=$node "$@" & done
wait
)";
constexpr const char* celere_stub = R"(#!/bin/bash
line=$(printf '<%s>' "$@")
printf '%s\n' "$line" >>"$STUB/log.txt"
if [ "$1" != train ]; then
  if [ -e "$STUB/kill-agent" ] && mkdir "$STUB/killed" 2>/dev/null; then kill -9 $$; fi
  exit 0
fi
read -r how code <"$STUB/codes"
sed -i 1d "$STUB/codes"
case $how in
  asked) trap 'echo "<TERM>" >>"$STUB/log.txt"; exit $code' TERM; touch "$STUB/waits"
         while :; do sleep 0.05; done ;;
  deaf) trap '' TERM; touch "$STUB/waits"; while :; do sleep 0.05; done ;;
  [A-Z]*) kill -s "$how" $$ ;;
  *) sleep 0.3; exit "$how" ;;
esac
)";

class SlurmFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_->make_folder(bin_).ok());
    stub(bin_ + "/squeue", squeue_stub);
    stub(bin_ + "/scontrol", scontrol_stub);
    stub(bin_ + "/srun", srun_stub);
    say("state", "RUNNING\n");
    say("left", "n0\nn1\nn2\n");
    say("codes", "0\n");
  }

  // As Slurm does behind a job's end.
  void TearDown() override {
    for (const int group : groups_) ::kill(-group, SIGKILL);
  }

  void stub(const std::string& path, const std::string& text) {
    ASSERT_TRUE(files_->write(path, text).ok());
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  void say(const std::string& name, const std::string& text) {
    ASSERT_TRUE(files_->write(folder_ / name, text).ok());
  }
  std::string heard(const std::string& name) const {
    const auto text = files_->read(folder_ / name);
    return text.ok() ? *text : "";
  }
  std::vector<std::string> log() const { return lines_of(heard("log.txt")); }
  bool exists(const std::string& name) const { return files_->exists(folder_ / name); }

  // The job's file, as Slurm would run it on its first node.
  std::unique_ptr<Process> start(const SlurmJob& job) {
    const auto text = slurm_file(job);
    EXPECT_TRUE(text.ok()) << text.error().text();
    EXPECT_TRUE(files_->write(folder_ / "job.sh", *text).ok());
    stub(job.program, celere_stub);
    Command command;
    command.program = "bash";
    command.arguments = {folder_ / "job.sh"};
    command.environment = {"STUB=" + folder_.path(), "PATH=" + bin_ + ":/usr/bin:/bin",
                           "SLURM_JOB_ID=17",        "SLURM_JOB_NODELIST=n[0-2]",
                           "SLURMD_NODENAME=n0",     "SLURM_JOB_NUM_NODES=3",
                           "CELERE_SLURM_WATCH_S=1"};
    command.output.kind = command.errors.kind = Output::Kind::file;
    command.output.path = command.errors.path = folder_ / "out.txt";
    auto process = processes_->start(command);
    EXPECT_TRUE(process.ok());
    groups_.push_back((*process)->id());
    return *std::move(process);
  }
  Ending end_of(Process& process) {
    const auto ending = process.wait(Seconds::of(30));
    EXPECT_TRUE(ending) << "it still runs: " << heard("out.txt");
    return ending.value_or(Ending{});
  }
  void until(const std::function<bool()>& holds) {
    for (int i = 0; i < 300 && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(holds()) << heard("log.txt") << heard("out.txt");
  }

  TemporaryFolder folder_{"slurm"};
  std::string bin_ = folder_ / "bin";
  std::vector<int> groups_;
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<Processes> processes_ = local_processes();
};

// Every directive of the issue, in the form that sbatch reads. 36 h and half an hour are a day and
// 12:30:00.
TEST(SlurmFile, asks_for_nodes_spares_notice_and_requeue) {
  SlurmJob job = small_job("/data/a \"run\"");
  job.gpus_per_node = 8;
  job.time_limit = Seconds::of(36 * 3600 + 1800);
  job.partition = "h100";
  job.account = "lab";
  job.directives = {"--constraint=ib"};
  job.lines = {"module load cuda"};
  const auto text = slurm_file(job);
  ASSERT_TRUE(text.ok()) << text.error().text();
  std::vector<std::string> directives;
  for (const std::string& line : lines_of(*text)) {
    if (line.rfind("#SBATCH ", 0) == 0) directives.push_back(line.substr(8));
  }
  EXPECT_THAT(
      directives,
      ElementsAre("--job-name=tiny", "--nodes=2-3", "--exclusive", "--mem=0", "--gpus-per-node=8",
                  "--time=1-12:30:00", "--partition=h100", "--account=lab", "--requeue",
                  "--no-kill", "--signal=B:TERM@120", R"(--output="/data/a \"run\"/slurm.log")",
                  "--open-mode=append", "--constraint=ib"));
  EXPECT_THAT(lines_of(*text), Contains("module load cuda"));
  EXPECT_EQ(text->rfind("#!/bin/bash\n", 0), 0u);
}

TEST(SlurmFile, refuses_what_no_line_can_hold) {
  const auto refused = [](const std::function<void(SlurmJob&)>& change) -> std::string {
    SlurmJob job = small_job("/data");
    change(job);
    const auto text = slurm_file(job);
    return text.ok() ? "taken" : text.error().text();
  };
  EXPECT_EQ(refused([](SlurmJob&) {}), "taken");
  EXPECT_THAT(refused([](SlurmJob& job) { job.agent[1] = "a\nb"; }), HasSubstr("at place 1"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.supervisor[1] = std::string("a\0", 2); }),
              HasSubstr("code 0"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.log = "/x\n#SBATCH --uid=0"; }),
              HasSubstr("the log"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.program = "celere"; }), HasSubstr("absolute"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.name = "a b"; }), HasSubstr("the name"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.partition = "a;b"; }), HasSubstr("the partition"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.directives = {"x"}; }), HasSubstr("begin with -"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.lines = {"a\nb"}; }), HasSubstr("a line"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.nodes = 0; }), HasSubstr("nodes is 0"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.time_limit = Seconds::of(60); }),
              HasSubstr("the time limit in seconds is 60, and must be 121"));
  EXPECT_THAT(refused([](SlurmJob& job) { job.notice = Seconds::of(70000); }), HasSubstr("65535"));
}

// The shell itself says what a quoted word means: it prints the very text.
TEST_F(SlurmFileTest, a_quoted_word_means_its_text_to_bash) {
  for (const std::string text :
       {"",   "plain", "a b", "it's", "\"", "$HOME", "`id`", "\\",    "a;b|c&d", "*",  "~",
        "#x", "!!",    "''",  "'",    "ü",  "-n",    "a\nb", "{1,2}", "$(id)",   "a=b"}) {
    Command command;
    command.program = "bash";
    command.arguments = {"-c", "printf %s " + quoted_for_bash(text)};
    command.output.kind = Output::Kind::capture;
    if (text == "-n") command.arguments[1] = "printf %s -- " + quoted_for_bash(text);
    auto process = processes_->start(command);
    ASSERT_TRUE(process.ok());
    ASSERT_TRUE(end_of(**process).fine());
    EXPECT_EQ((*process)->captured_output(), (text == "-n" ? "--" : "") + text);
  }
}

// Two nodes and a spare: an agent on each of three, numbered as Slurm names them, and one
// supervisor; paths with blanks and quotes arrive as they are.
TEST_F(SlurmFileTest, starts_an_agent_a_node_and_the_supervisor) {
  SlurmJob job = small_job(folder_.path());
  job.supervisor[1] = "/data/it's a \"$RUN\"";
  job.cpus_per_node = 4;
  EXPECT_EQ(end_of(*start(job)).code, 0) << heard("out.txt");
  const auto said = log();
  EXPECT_THAT(said,
              Contains("<train></data/it's a \"$RUN\"><--address><127.0.0.1><--interface><lo>"));
  for (int node = 0; node < 3; ++node) {
    EXPECT_THAT(said, Contains(fmt::format("<agent><--run-directory><{0}/runs/tiny><--node><{1}>"
                                           "<--folder><{0}/node/n{1}><--address><127.0.0.1>",
                                           folder_.path(), node)));
  }
  EXPECT_THAT(said, Contains("<srun><--nodes=3><--ntasks=3><--ntasks-per-node=1>"
                             "<--cpus-per-task=4><--export=ALL><--cpu-bind=none>"
                             "<--kill-on-bad-exit=0><--no-kill><--wait=0>"));
  EXPECT_EQ(said.size(), 5u) << heard("log.txt");
}

TEST_F(SlurmFileTest, passes_the_supervisors_code_on) {
  say("codes", "7\n");
  EXPECT_EQ(end_of(*start(small_job(folder_.path()))).code, 7) << heard("out.txt");
  EXPECT_THAT(log(), testing::Not(Contains(HasSubstr("requeue"))));
}

// Killed twice, then done: three starts, with pauses of one and two seconds.
TEST_F(SlurmFileTest, a_killed_supervisor_is_started_again) {
  say("codes", "KILL\nSEGV\n0\n");
  EXPECT_EQ(end_of(*start(small_job(folder_.path()))).code, 0) << heard("out.txt");
  const auto said = log();
  EXPECT_EQ(std::count_if(said.begin(), said.end(),
                          [](const std::string& line) { return line.rfind("<train>", 0) == 0; }),
            3);
  EXPECT_THAT(heard("out.txt"), HasSubstr("the supervisor ended with 137; again in 1 s"));
  EXPECT_THAT(heard("out.txt"), HasSubstr("the supervisor ended with 139; again in 2 s"));
}

// What recovery learnt of node 1 is of another machine where the nodes are others. It is forgotten
// once: the supervisor that follows a killed one learnt it of these.
TEST_F(SlurmFileTest, nodes_are_forgotten_where_they_are_others) {
  const std::string train = fmt::format("<train><{}/runs/tiny>", folder_.path());
  for (const auto& [before, cleared] :
       {std::pair{"n[0-2]\n", ""}, {"n[3-5]\n", "<--clear-nodes>"}}) {
    say("nodes", before);
    say("codes", "KILL\n0\n");
    say("log.txt", "");
    EXPECT_EQ(end_of(*start(small_job(folder_.path()))).code, 0) << heard("out.txt");
    std::vector<std::string> starts = log();
    std::erase_if(starts, [&](const std::string& line) { return line.rfind("<train>", 0) != 0; });
    const std::string rest = "<--address><127.0.0.1><--interface><lo>";
    EXPECT_THAT(starts, ElementsAre(train + cleared + rest, train + rest));
    EXPECT_EQ(heard("nodes"), "n[0-2]\n");
  }
}

TEST_F(SlurmFileTest, a_killed_agent_is_started_again) {
  say("kill-agent", "");
  say("codes", "asked 0\n");
  const auto job = start(small_job(folder_.path()));
  until([&] {
    const auto said = log();
    return std::count_if(said.begin(), said.end(), [](const std::string& line) {
             return line.rfind("<agent>", 0) == 0;
           }) == 4;
  });
  job->send(15);
  EXPECT_EQ(end_of(*job).code, 0);
  EXPECT_THAT(heard("out.txt"), HasSubstr("ended with 137; again in 1 s"));
}

// The notice goes to the supervisor; when it has stopped, saved, the job is put into the queue.
TEST_F(SlurmFileTest, the_notice_stops_it_and_queues_it_again) {
  say("codes", "asked 3\n");
  say("state", "SIGNALING\n");
  const auto job = start(small_job(folder_.path()));
  until([&] { return exists("waits"); });
  job->send(15);
  until([&] { return heard("log.txt").find("<scontrol><requeue><17>") != std::string::npos; });
  EXPECT_THAT(log(), Contains("<TERM>"));
}

// A cancelled job is one that Slurm already ends, and what was asked for by SIGINT is not the
// notice: neither is queued again, and the supervisor's code is the job's.
TEST_F(SlurmFileTest, what_is_cancelled_or_asked_to_stop_stays_out_of_the_queue) {
  for (const auto& [state, signal] : {std::pair{"COMPLETING\n", 15}, std::pair{"RUNNING\n", 2}}) {
    say("codes", "asked 3\n");
    say("state", state);
    std::filesystem::remove(folder_ / "waits");
    const auto job = start(small_job(folder_.path()));
    until([&] { return exists("waits"); });
    job->send(signal);
    EXPECT_EQ(end_of(*job).code, 3) << heard("out.txt");
    EXPECT_THAT(log(), Contains("<TERM>"));
    EXPECT_THAT(log(), testing::Not(Contains(HasSubstr("requeue")))) << state;
  }
}

// A supervisor that does not stop: notice 10 s, so after 7 s (three quarters) the job is queued
// again all the same.
TEST_F(SlurmFileTest, what_does_not_stop_in_time_is_queued_again_too) {
  stub(bin_ + "/sleep", "#!/bin/bash\n[ \"$1\" = 7 ] && exec /bin/sleep 0.1\nexec /bin/sleep $1\n");
  say("codes", "deaf\n");
  SlurmJob slow = small_job(folder_.path());
  slow.notice = Seconds::of(10);
  const auto job = start(slow);
  until([&] { return exists("waits"); });
  job->send(15);
  until([&] { return heard("log.txt").find("<scontrol><requeue><17>") != std::string::npos; });
}

// The batch node is no longer among the job's nodes: another node asks for the queue.
TEST_F(SlurmFileTest, without_its_first_node_the_job_is_queued_again) {
  stub(bin_ + "/srun", R"(#!/bin/bash
while [ "$1" != bash ]; do shift; done
SLURMD_NODENAME=n1 exec "$@"
)");
  SlurmJob job = small_job(folder_.path());
  job.agent = {"train"};  // which stays
  say("codes", "asked 0\nasked 0\n");
  const auto process = start(job);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(heard("log.txt").find("requeue"), std::string::npos);
  say("left", "n1\nn2\n");
  until([&] { return heard("log.txt").find("<scontrol><requeue><17>") != std::string::npos; });
  process->send(15);
}

TEST(SlurmPlace, reads_what_slurm_says) {
  std::map<std::string, std::string> said;
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = said.find(name);
    if (found == said.end()) return std::nullopt;
    return found->second;
  };
  auto place = slurm_place(environment);
  ASSERT_TRUE(place.ok());
  EXPECT_FALSE(place->has_value());
  said = {{"SLURM_JOB_ID", "4711"},     {"SLURM_RESTART_COUNT", "2"},
          {"SLURM_JOB_NUM_NODES", "4"}, {"SLURM_PROCID", "0"},
          {"SLURMD_NODENAME", "n1"},    {"SLURM_JOB_END_TIME", "1721606400"}};
  place = slurm_place(environment);
  ASSERT_TRUE(place.ok() && place->has_value());
  EXPECT_EQ((*place)->job, 4711);
  EXPECT_EQ((*place)->restarts, 2);
  EXPECT_EQ((*place)->nodes, 4);
  EXPECT_EQ((*place)->task, 0);
  EXPECT_EQ((*place)->node, "n1");
  EXPECT_EQ((*place)->end_time_s, 1721606400);
  said = {{"SLURM_JOB_ID", "4711"}};
  place = slurm_place(environment);
  ASSERT_TRUE(place.ok() && place->has_value());
  EXPECT_FALSE((*place)->task || (*place)->end_time_s);
  for (const std::string wrong : {"", "x", "12x", "-1", "99999999999999999999"}) {
    said["SLURM_JOB_ID"] = wrong;
    EXPECT_FALSE(slurm_place(environment).ok()) << wrong;
  }
}

}  // namespace
}  // namespace celere::launch
