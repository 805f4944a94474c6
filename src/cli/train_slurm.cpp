#include "cli/train_slurm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/written_units.hpp"
#include "calibrate/entries.hpp"
#include "launch/job.hpp"
#include "launch/layouts.hpp"
#include "launch/node_folder.hpp"
#include "launch/slurm.hpp"

namespace celere::cli {
namespace {

std::string absolute(const std::string& path) {
  std::string out = std::filesystem::absolute(path).lexically_normal().string();
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

// A job's name has fewer letters than a folder's.
std::string job_name(const std::string& run_name) {
  std::string name = wire::slug(run_name);
  std::replace_if(name.begin(), name.end(), [](char letter) { return (letter & 0x80) != 0; }, '_');
  return name;
}

Result<Seconds> time_of(const char* flag, const std::string& text) {
  Result<Seconds> time = parse_quantity<Seconds>(text);
  if (!time.ok()) return bad_input(fmt::format("{}: {}", flag, time.error().message));
  return time;
}

std::vector<std::string> supervisor_arguments(const SlurmTraining& training, const launch::Job& job,
                                              const std::string& corpus, const Common& common) {
  std::vector<std::string> out;
  for (const std::string& folder : common.catalog_folders) {
    out.insert(out.end(), {"--catalog", absolute(folder)});
  }
  out.insert(out.end(), {"supervise", "--run-directory", job.directory.folder, "--corpus", corpus,
                         "--agents-elsewhere", "--nodes", std::to_string(job.nodes)});
  if (!training.layout.empty()) out.insert(out.end(), {"--layout", training.layout});
  if (training.threads > 0) {
    out.insert(out.end(), {"--threads", std::to_string(training.threads)});
  }
  if (training.stop_after >= 0) {
    out.insert(out.end(), {"--stop-after", std::to_string(training.stop_after)});
  }
  return out;
}

Result<launch::Job> job_of(const SlurmTraining& training, const Prepared& prepared,
                           const Common& common, const Files& files) {
  const launch::JobWish wish{.directory = {absolute(prepared.directory.folder)},
                             .corpus = absolute(prepared.corpus),
                             .layout = training.layout,
                             .nodes = training.nodes,
                             .catalog = {},
                             .one_machine = false};
  return make_job(prepared.run, spec::Catalog(files, catalog_folders(common)), wish);
}

Result<launch::SlurmJob> slurm_job_of(const SlurmFlags& flags, const SlurmTraining& training,
                                      const Prepared& prepared, const Common& common,
                                      const Files& files) {
  ASSIGN_OR_RETURN(const launch::Job job, job_of(training, prepared, common, files));
  launch::SlurmJob out;
  out.name = job_name(prepared.run.name);
  out.nodes = launch::Slots{job.ranks_per_node}.count(job.layout);
  out.spares = job.nodes - out.nodes;
  out.gpus_per_node = flags.gpus;
  if (flags.gpus < 0) {
    const bool of_processors = prepared.run.cluster_name.starts_with(calibrate::this_machine);
    out.gpus_per_node = of_processors ? 0 : job.ranks_per_node;
  }
  if (!flags.time.empty()) {
    ASSIGN_OR_RETURN(out.time_limit, time_of("--slurm-time", flags.time));
  }
  ASSIGN_OR_RETURN(out.notice, time_of("--slurm-notice", flags.notice));
  out.partition = flags.partition;
  out.account = flags.account;
  out.interface = flags.interface;
  if (out.interface.empty()) {
    if (job.nodes > 1) {
      return bad_input(
          "--slurm-interface is missing: the network by which the nodes reach each other (on a "
          "node, \"ip -brief address\" lists them: ib0, eth0)");
    }
    out.interface = "lo";
  }
  out.log = job.directory.folder + "/slurm.log";
  out.nodes_file = job.directory.folder + "/slurm.nodes";
  out.program = own_program();
  out.node_folder = launch::shared_node_folder(job.directory.folder);
  out.supervisor = supervisor_arguments(training, job, absolute(prepared.corpus), common);
  // Slurm ends who stays too long; one that left sooner than it must would take its ranks along.
  out.agent = {"agent", "--run-directory", job.directory.folder, "--notice",
               fmt::format("{:.0f}", out.notice.in_base())};
  out.stopped_code = exit_stopped;
  out.directives = flags.directives;
  out.lines = flags.lines;
  return out;
}

std::string count(int number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string text_of(const launch::SlurmJob& job, const std::string& file,
                    const std::string& directory) {
  const std::string spares = job.spares == 0 ? "" : " and " + count(job.spares, "spare");
  const std::string gpus =
      job.gpus_per_node == 0 ? "" : fmt::format(", {} each", count(job.gpus_per_node, "GPU"));
  const std::string quoted = launch::quoted_for_bash(file),
                    run = launch::quoted_for_bash(directory);
  return fmt::format(
      "{}: a job of {}{}{}\n"
      "  sbatch {}\n      starts it, or goes on where it stopped\n"
      "  celere status {}\n      what it is doing; its log is slurm.log there\n"
      "  scancel --batch --signal=INT JOB\n      stops it, saved\n",
      file, count(job.nodes, "node"), spares, gpus, quoted, run);
}

std::string json_of(const launch::SlurmJob& job, const std::string& file,
                    const std::string& directory) {
  nlohmann::ordered_json json;
  json["kind"] = "slurm";
  json["file"] = file;
  json["run_directory"] = directory;
  json["log"] = job.log;
  json["nodes"] = job.nodes;
  json["spares"] = job.spares;
  json["gpus_per_node"] = job.gpus_per_node;
  return json.dump() + "\n";
}

}  // namespace

void add_slurm_options(CLI::App& verb, SlurmFlags& flags) {
  CLI::Option* slurm =
      verb.add_option("--slurm", flags.file,
                      "train nothing now: write this file, which sbatch takes (docs/slurm.md)");
  for (const char* here_only :
       {"--resume", "--oversubscribe", "--faults", "--seed", "--clear-nodes"}) {
    slurm->excludes(verb.get_option(here_only));
  }
  const auto option = [&](const char* name, auto& value, const char* what) {
    return verb.add_option(name, value, what)->needs(slurm);
  };
  option("--slurm-interface", flags.interface, "by which its nodes reach each other: ib0, eth0");
  option("--slurm-partition", flags.partition, "default: Slurm's");
  option("--slurm-account", flags.account, "default: Slurm's");
  option("--slurm-time", flags.time, "its time limit, \"36 h\" (default: the partition's)");
  option("--slurm-notice", flags.notice,
         "how long before the nodes go it is told, to stop, saved (default: \"2 min\")");
  option("--slurm-gpus", flags.gpus,
         "GPUs of each node (default: one a rank, where the run's cluster has GPUs)")
      ->check(CLI::Range(0, 1024));
  option("--slurm-directive", flags.directives,
         "one more of its #SBATCH lines: --slurm-directive=--constraint=ib")
      ->expected(1)
      ->take_all();
  option("--slurm-line", flags.lines, "of bash, to run first: \"module load cuda\"")
      ->expected(1)
      ->take_all();
}

int write_slurm_file(const SlurmFlags& flags, const SlurmTraining& training,
                     const Prepared& prepared, const Common& common, Files& files) {
  const Result<launch::SlurmJob> job = slurm_job_of(flags, training, prepared, common, files);
  if (!job.ok()) return complain(job.error().text());
  const Result<std::string> text = launch::slurm_file(*job);
  if (!text.ok()) return complain(text.error().text());
  if (const Status written = files.write(flags.file, *text); !written.ok()) {
    return complain(written.error().text());
  }
  const std::string file = absolute(flags.file), directory = absolute(prepared.directory.folder);
  return print(common.json ? json_of(*job, file, directory) : text_of(*job, file, directory));
}

}  // namespace celere::cli
