// celere train RUN --slurm FILE: prepares a training and writes the file that sbatch takes. It
// trains nothing itself.
//
// What the job needs is written with absolute paths, for it may start anywhere; run directory,
// corpus and program must lie where all its nodes see them.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "cli/prepare.hpp"

namespace celere::cli {

struct SlurmFlags {
  std::string file;  // empty: no Slurm
  std::string partition, account, time, notice = "2 min", interface;
  int gpus = -1;  // of a node; below 0: one a rank, where the cluster has GPUs
  std::vector<std::string> directives, lines;
};

// What the other flags of the verb say.
struct SlurmTraining {
  std::string layout;
  int nodes = 0, threads = 0;  // 0: not said
  std::int64_t stop_after = -1;
};

void add_slurm_options(CLI::App& verb, SlurmFlags& flags);

// Writes the file and prints what to do next; the exit code.
int write_slurm_file(const SlurmFlags& flags, const SlurmTraining& training,
                     const Prepared& prepared, const Common& common, Files& files);

}  // namespace celere::cli
