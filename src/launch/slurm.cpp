#include "launch/slurm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "launch/slurm_body.hpp"

namespace celere::launch {
namespace {

bool is_plain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') ||
         std::string_view("._-+:@,=/").find(letter) != std::string_view::npos;
}

Status one_line(std::string_view what, std::string_view text) {
  const auto bad = std::find_if(text.begin(), text.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
  });
  if (bad == text.end()) return Done{};
  return bad_input(fmt::format(
      "the Slurm file: {} has a line break or another control character (code {}) at place {}",
      what, static_cast<int>(*bad), bad - text.begin()));
}

Status plain_name(std::string_view what, std::string_view text) {
  const bool fine =
      std::all_of(text.begin(), text.end(), is_plain) && (text.empty() || text.front() != '-');
  if (fine) return Done{};
  return bad_input(fmt::format(
      R"(the Slurm file: {} "{}" has more in it than letters, digits and ._-+:@,=/)", what, text));
}

Status absolute(std::string_view what, std::string_view path) {
  RETURN_IF_ERROR(one_line(what, path));
  if (!path.empty() && path.front() == '/') return Done{};
  return bad_input(fmt::format(
      R"(the Slurm file: {} "{}" is no absolute path, and a job may run elsewhere)", what, path));
}

Status number(std::string_view what, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return Done{};
  return bad_input(
      fmt::format("the Slurm file: {} is {}, and must be {} to {}", what, value, least, most));
}

std::int64_t whole_seconds(Seconds time) { return std::llround(std::ceil(time.in_base())); }

Status check(const SlurmJob& job) {
  if (job.name.empty()) return bad_input("the Slurm file: the job has no name");
  RETURN_IF_ERROR(plain_name("the name", job.name));
  RETURN_IF_ERROR(plain_name("the partition", job.partition));
  RETURN_IF_ERROR(plain_name("the account", job.account));
  RETURN_IF_ERROR(number("nodes", job.nodes, 1, 1'000'000));
  RETURN_IF_ERROR(number("spares", job.spares, 0, 1'000'000));
  RETURN_IF_ERROR(number("GPUs of a node", job.gpus_per_node, 0, 1024));
  RETURN_IF_ERROR(number("CPUs of a node", job.cpus_per_node, 0, 65535));
  // Slurm keeps the notice in 16 bits.
  RETURN_IF_ERROR(number("the notice in seconds", whole_seconds(job.notice), 10, 65535));
  if (job.time_limit) {
    RETURN_IF_ERROR(number("the time limit in seconds", whole_seconds(*job.time_limit),
                           whole_seconds(job.notice) + 1, std::int64_t{366} * 86400));
  }
  RETURN_IF_ERROR(number("the exit code of a stop", job.stopped_code, 1, 128));
  RETURN_IF_ERROR(absolute("the log", job.log));
  RETURN_IF_ERROR(absolute("the program", job.program));
  RETURN_IF_ERROR(absolute("the folder of the nodes", job.node_folder));
  RETURN_IF_ERROR(absolute("the file of the last nodes", job.nodes_file));
  RETURN_IF_ERROR(plain_name("the interface", job.interface));
  if (job.interface.empty()) return bad_input("the Slurm file: no interface is named");
  for (const std::string& text : job.supervisor) {
    RETURN_IF_ERROR(one_line("an argument of the supervisor", text));
  }
  for (const std::string& text : job.agent) {
    RETURN_IF_ERROR(one_line("an argument of the agents", text));
  }
  for (const std::string& text : job.lines) RETURN_IF_ERROR(one_line("a line", text));
  for (const std::string& text : job.directives) {
    RETURN_IF_ERROR(one_line("a directive", text));
    if (text.rfind('-', 0) != 0) {
      return bad_input(fmt::format(
          R"(the Slurm file: the directive "{}" does not begin with -, as --constraint=h100 does)",
          text));
    }
  }
  return Done{};
}

// days-hours:minutes:seconds
std::string slurm_time(Seconds time) {
  const std::int64_t s = whole_seconds(time);
  return fmt::format("{}-{:02}:{:02}:{:02}", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
}

// A value in a line that sbatch reads, which knows double quotes and the backslash.
std::string quoted_for_sbatch(std::string_view text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + '"';
}

std::string array(std::string_view name, const std::vector<std::string>& words) {
  std::string out = fmt::format("{}=(", name);
  for (std::size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "" : " ") + quoted_for_bash(words[i]);
  return out + ")\n";
}

std::string directives(const SlurmJob& job) {
  std::vector<std::string> all{"--job-name=" + job.name};
  all.push_back(job.spares == 0 ? fmt::format("--nodes={}", job.nodes)
                                : fmt::format("--nodes={}-{}", job.nodes, job.nodes + job.spares));
  // No --ntasks-per-node: with it Slurm gives the lesser number of nodes, and no spares.
  if (job.cpus_per_node > 0) all.push_back(fmt::format("--cpus-per-task={}", job.cpus_per_node));
  if (job.cpus_per_node == 0) all.insert(all.end(), {"--exclusive", "--mem=0"});
  if (job.gpus_per_node > 0) all.push_back(fmt::format("--gpus-per-node={}", job.gpus_per_node));
  if (job.time_limit) all.push_back("--time=" + slurm_time(*job.time_limit));
  if (!job.partition.empty()) all.push_back("--partition=" + job.partition);
  if (!job.account.empty()) all.push_back("--account=" + job.account);
  all.emplace_back("--requeue");
  all.emplace_back("--no-kill");
  all.push_back(fmt::format("--signal=B:TERM@{}", whole_seconds(job.notice)));
  all.push_back("--output=" + quoted_for_sbatch(job.log));
  all.emplace_back("--open-mode=append");
  all.insert(all.end(), job.directives.begin(), job.directives.end());
  std::string out;
  for (const std::string& each : all) out += "#SBATCH " + each + "\n";
  return out;
}

Result<std::int64_t> whole(const std::string& name, const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return bad_input(fmt::format(R"(Slurm's {} is "{}", no whole number)", name, text));
  }
  return value;
}

}  // namespace

std::string quoted_for_bash(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      out += "'\\''";
    } else {
      out += letter;
    }
  }
  return out + "'";
}

Result<std::string> slurm_file(const SlurmJob& job) {
  RETURN_IF_ERROR(check(job));
  std::string out = "#!/bin/bash\n" + directives(job);
  out +=
      "#\n# A training by celere: an agent on each node, the supervisor on the first. `sbatch` of "
      "this"
      "\n# file starts it, or goes on where it stopped; `scancel -b -s INT JOB` stops it, "
      "saved.\n\n";
  for (const std::string& line : job.lines) out += line + "\n";
  out += fmt::format("celere={}\n", quoted_for_bash(job.program));
  out += fmt::format("node_folder={}\n", quoted_for_bash(job.node_folder));
  out += fmt::format("nodes_file={}\n", quoted_for_bash(job.nodes_file));
  out += fmt::format("interface={}\n", quoted_for_bash(job.interface));
  out += array("supervisor", job.supervisor);
  out += array("agent", job.agent);
  // srun does not take this from the job by itself since Slurm 22.05.
  out += array("step", job.cpus_per_node > 0 ? std::vector<std::string>{fmt::format(
                                                   "--cpus-per-task={}", job.cpus_per_node)}
                                             : std::vector<std::string>{});
  out += fmt::format("stopped_code={}\n", job.stopped_code);
  out += fmt::format("last_moment={}\n", whole_seconds(job.notice) * 3 / 4);
  return out + slurm_body;
}

Result<std::optional<SlurmPlace>> slurm_place(const Environment& environment) {
  const auto job = environment("SLURM_JOB_ID");
  if (!job) return std::optional<SlurmPlace>();
  SlurmPlace place;
  ASSIGN_OR_RETURN(place.job, whole("SLURM_JOB_ID", *job));
  const auto read = [&](const std::string& name) -> Result<std::optional<std::int64_t>> {
    const auto text = environment(name);
    if (!text || text->empty()) return std::optional<std::int64_t>();
    ASSIGN_OR_RETURN(const std::int64_t value, whole(name, *text));
    return std::optional(value);
  };
  ASSIGN_OR_RETURN(const auto restarts, read("SLURM_RESTART_COUNT"));
  ASSIGN_OR_RETURN(const auto nodes, read("SLURM_JOB_NUM_NODES"));
  ASSIGN_OR_RETURN(const auto task, read("SLURM_PROCID"));
  ASSIGN_OR_RETURN(place.end_time_s, read("SLURM_JOB_END_TIME"));
  place.restarts = static_cast<int>(restarts.value_or(0));
  place.nodes = static_cast<int>(nodes.value_or(1));
  if (task) place.task = static_cast<int>(*task);
  place.node = environment("SLURMD_NODENAME").value_or("");
  return std::optional(place);
}

}  // namespace celere::launch
