// What a played training (tests/launch/played_training.cpp) is to a supervisor.
#pragma once

#include <fstream>
#include <map>
#include <string>

#include "base/processes.hpp"
#include "launch/job.hpp"
#include "launch/local_nodes.hpp"

namespace celere::launch {

inline std::map<std::string, std::int64_t> read_play(const std::string& directory) {
  std::map<std::string, std::int64_t> play = {
      {"ranks", 2},       {"steps", 100}, {"step_ms", 10}, {"save_every", 20},
      {"deadline_ms", 0}, {"fails", 0},   {"goes_on", 0}};
  std::ifstream file(directory + "/play");
  std::string name;
  std::int64_t value = 0;
  while (file >> name >> value) play[name] = value;
  return play;
}

inline std::string played_program() { return beside_own_program("played_training"); }

// A rank a node.
inline Job played_job(const std::string& directory, int nodes) {
  auto play = read_play(directory);
  Job job;
  job.directory.folder = directory;
  job.layout.dp = static_cast<int>(play["ranks"]);
  job.counts.global_batch = 8;
  job.nodes = nodes;
  job.worker_arguments = {"train", "--run-directory", directory};
  job.settings.back_off = Seconds::of(0.2);
  job.settings.retries = 3;
  job.settings.node_patience = Seconds::of(2);
  job.settings.node_failures = 1000;
  if (play["goes_on"] > 0) job.settings.on_lost_replica = policy::LostReplica::go_on;
  if (play["deadline_ms"] > 0) {
    job.watch.step_deadline = Seconds::of(static_cast<double>(play["deadline_ms"]) * 1e-3);
  }
  return job;
}

inline LocalNodesOptions played_nodes(const std::string& directory, int nodes) {
  return {.program = played_program(),
          .directory = {directory},
          .folder = directory + "/nodes",
          .count = nodes};
}

}  // namespace celere::launch
