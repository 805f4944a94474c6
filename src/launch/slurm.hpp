// A training as a Slurm job: the file that sbatch takes, and what Slurm tells a job about itself.
//
// The file starts an agent on every node (one srun step) and the supervisor on the first node, the
// batch node. It restarts what a signal killed, with growing pauses; hands the notice (SIGTERM,
// some time before Slurm takes the nodes back) to the supervisor and puts the job into the queue
// again once that has stopped, saved; and ends with the supervisor's exit code.
//
//   a node dies                Slurm takes it from the job, which goes on (--no-kill)
//   the batch node dies        Slurm would let the job live on without its file (seen in 22.05):
//                              the first other nodes watch for that, and queue it again
//   time limit, preemption     SIGTERM `notice` before; stopped, saved, queued again
//   scancel JOB                SIGTERM to all, and not queued again
//   scancel -b -s INT JOB      stopped, saved, and not queued again
//
// Recovery knows nodes by their number in the job. Where a start has other nodes than the one
// before, its supervisor gets --clear-nodes: what was learnt of those is not true of these.
//
// Leaves out: heterogeneous jobs, job arrays, and nodes that join a job that runs (Slurm has
// shrinking jobs only).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace celere::launch {

struct SlurmJob {
  std::string name;       // of the job
  int nodes = 1;          // that the training needs
  int spares = 0;         // more nodes, inside the allocation; the job starts with fewer
  int gpus_per_node = 0;  // 0: none are asked for
  int cpus_per_node = 0;  // 0: whole nodes (--exclusive)
  std::optional<Seconds> time_limit;    // nothing: the partition's
  std::string partition, account;       // empty: Slurm's own choice
  Seconds notice = Seconds::of(120);    // between SIGTERM and the end
  std::string log;                      // a path; %j in it is the job's number
  std::string program;                  // celere, as all nodes see it
  std::string node_folder;              // a path; each node's own folder is below it, by name
  std::string nodes_file;               // a path; keeps which nodes the last start had
  std::string interface = "lo";         // by which the nodes reach each other
  std::vector<std::string> supervisor;  // its arguments; the file adds --address A --interface I
  std::vector<std::string> agent;  // its arguments; the file adds --node K --folder F --address A
  int stopped_code = 3;            // of a supervisor that stopped, saved, when asked to
  std::vector<std::string> directives;  // more of them: "--constraint=h100"
  std::vector<std::string> lines;       // of bash, to run first: "module load cuda"
};

// The file. Errors: bad_input, where a text holds what no line can (a line break, a control
// character), a name or number is none that Slurm takes, or a path is not absolute.
Result<std::string> slurm_file(const SlurmJob& job);

// A word of bash that means this text and nothing else. REQUIRES: no NUL in it.
std::string quoted_for_bash(std::string_view text);

// What Slurm says in the environment of a process of a job.
struct SlurmPlace {
  std::int64_t job = 0;
  int restarts = 0;                        // how often the job was queued again
  int nodes = 1;                           // of the job, at its start
  std::optional<int> task;                 // of its step; nothing in the batch file
  std::string node;                        // its name for this one
  std::optional<std::int64_t> end_time_s;  // Unix time of the time limit, where Slurm tells it
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Nothing outside Slurm. Errors: bad_input, where a number is none.
Result<std::optional<SlurmPlace>> slurm_place(const Environment& environment);

}  // namespace celere::launch
