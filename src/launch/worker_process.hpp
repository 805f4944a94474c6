// celere-worker, started by celere: where it is, the environment that makes it fast, and what it
// says on its standard output, one JSON object a line.
//
// Its allocator keeps freed memory and asks for huge pages (glibc's tunables): page faults would
// otherwise dominate a training on a CPU. It computes with as many threads as it is told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "base/result.hpp"

namespace celere::launch {

struct WorkerCommand {
  std::vector<std::string> arguments;  // "train", "--run-directory", ...
  int threads = 0;                     // 0: all cores
  bool inherits_terminal = false;      // its output goes where ours goes, and nothing is read
  bool foreground = false;  // the same, and it reads our standard input and gets our Ctrl-C
};

// The program: $CELERE_WORKER, else beside this program. Errors: not_found, with what to run.
Result<std::string> worker_program(const Files& files);

// What it is started with: GLIBC_TUNABLES, OMP_NUM_THREADS and so on.
std::vector<std::string> worker_environment(int threads);

class WorkerProcess {
 public:
  // Errors: not_found, io.
  static Result<WorkerProcess> start(Processes& processes, const Files& files,
                                     const WorkerCommand& command);

  // Lines that came since the last call, whole ones only.
  std::vector<std::string> lines();
  std::optional<Ending> ending() { return process_->ending(); }
  std::optional<Ending> wait(Seconds time) { return process_->wait(time); }
  void send(int signal) { process_->send(signal); }
  int id() const { return process_->id(); }
  const std::string& errors() { return process_->captured_errors(); }

 private:
  explicit WorkerProcess(std::unique_ptr<Process> process) : process_(std::move(process)) {}
  std::unique_ptr<Process> process_;
  std::string begun_;  // a line of which the end has not come yet
};

}  // namespace celere::launch
