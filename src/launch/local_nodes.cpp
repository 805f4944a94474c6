#include "launch/local_nodes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <filesystem>

namespace celere::launch {
namespace {

const Seconds start_again = Seconds::of(0.3);

}  // namespace

LocalNodes::LocalNodes(Processes& processes, Files& files, const Clock& clock,
                       LocalNodesOptions options)
    : processes_(&processes), files_(&files), clock_(&clock), options_(std::move(options)) {
  for (int node = 0; node < options_.count; ++node) nodes_[node].next_start = clock.now();
}

LocalNodes::~LocalNodes() = default;

std::string LocalNodes::folder_of(int node) const {
  return fmt::format("{}/node-{}", options_.folder, node);
}

// What the lock says; 0: nobody holds it.
int LocalNodes::process_of(int node) const {
  const wire::RunDirectory folder{folder_of(node)};
  if (!files_->exists(folder.lock()) || wire::RunLock::take(folder).ok()) return 0;
  const Result<std::string> content = files_->read(folder.lock());
  int process = 0;
  if (content.ok()) std::from_chars(content->data(), content->data() + content->size(), process);
  return process;
}

bool LocalNodes::lives(int node) const { return process_of(node) != 0; }

void LocalNodes::start(int number) {
  Node& node = nodes_[number];
  node.next_start = clock_->now() + start_again;
  if (lives(number)) return;
  (void)files_->make_folder(folder_of(number));
  const std::string log = fmt::format("{}/node-{}.log", options_.folder, number);
  Command command;
  command.program = options_.program;
  command.arguments = {"agent",          "--run-directory",      options_.directory.folder,
                       "--node",         std::to_string(number), "--folder",
                       folder_of(number)};
  command.output = {.kind = Output::Kind::file, .path = log};
  command.errors = command.output;
  Result<std::unique_ptr<Process>> agent = processes_->start(command);
  if (agent.ok()) node.agent = *std::move(agent);
}

std::vector<int> LocalNodes::work() {
  std::vector<int> died;
  for (auto& [number, node] : nodes_) {
    if (node.agent && node.agent->ending()) {
      node.agent.reset();
      died.push_back(number);
      node.next_start = std::max(node.next_start, clock_->now() + start_again);
    }
    if (!node.agent && clock_->now() >= node.next_start) start(number);
  }
  return died;
}

void LocalNodes::kill(int node) {
  const int process = process_of(node);
  if (process > 0) ::kill(process, SIGKILL);
}

void LocalNodes::lose(int node, Seconds away) {
  nodes_[node].next_start = clock_->now() + away;
  kill(node);
  std::error_code gone;
  std::filesystem::remove_all(folder_of(node), gone);
}

}  // namespace celere::launch
