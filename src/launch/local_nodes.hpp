// Nodes on this machine: an agent process each. An agent that has died is started again, after a
// moment, unless its node is said to be away.
//
// Agents outlive the supervisor that started them, so one that takes over finds some that are not
// its children: whether one lives, the lock in its folder says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

struct LocalNodesOptions {
  std::string program;  // celere
  wire::RunDirectory directory;
  std::string folder;  // of all nodes: node K has folder/node-K
  int count = 1;
};

class LocalNodes {
 public:
  LocalNodes(Processes& processes, Files& files, const Clock& clock, LocalNodesOptions options);
  ~LocalNodes();
  LocalNodes(const LocalNodes&) = delete;
  LocalNodes& operator=(const LocalNodes&) = delete;

  // Starts those that are not there; to be called often. The nodes whose agents died since.
  std::vector<int> work();
  // kill -9, of the agent and with it its workers.
  void kill(int node);
  // Kills it, removes its folder, and keeps it away for so long.
  void lose(int node, Seconds away);
  // Whether an agent of the node lives, ours or another supervisor's.
  bool lives(int node) const;
  std::string folder_of(int node) const;

 private:
  struct Node {
    std::unique_ptr<Process> agent;  // nothing: not ours
    Instant next_start{};
  };
  void start(int node);
  int process_of(int node) const;

  Processes* processes_;
  Files* files_;
  const Clock* clock_;
  LocalNodesOptions options_;
  std::map<int, Node> nodes_;
};

}  // namespace celere::launch
