#include "launch/worker_process.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <thread>

#include "wire/lines.hpp"

namespace celere::launch {

Result<std::string> worker_program(const Files& files) {
  if (const char* given = std::getenv("CELERE_WORKER"); given != nullptr && *given != '\0') {
    if (files.exists(given)) return std::string(given);
    return Error{
        ErrorCode::not_found, fmt::format("{} (from CELERE_WORKER) does not exist", given), {}};
  }
  std::string path = beside_own_program("celere-worker");
  if (files.exists(path)) return path;
  return Error{
      ErrorCode::not_found,
      fmt::format("{} does not exist: it trains and answers, and is built with libtorch by\n"
                  "  ./dev worker",
                  path),
      {}};
}

std::vector<std::string> worker_environment(int threads) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  return {
      // Freed memory is kept, in huge pages, and no large block is a mapping of its own.
      "GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:"
      "glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=67108864",
      // MKL frees the copies that its products pack; it would keep some for every size and thread.
      "MKL_DISABLE_FAST_MM=1",
      // Threads that wait sleep soon: spinning against another process's work made a step thirty
      // times as long.
      "GOMP_SPINCOUNT=20000",
      fmt::format("OMP_NUM_THREADS={}", threads),
      fmt::format("MKL_NUM_THREADS={}", threads),
  };
}

Result<WorkerProcess> WorkerProcess::start(Processes& processes, const Files& files,
                                           const WorkerCommand& worker) {
  ASSIGN_OR_RETURN(std::string program, worker_program(files));
  Command command;
  command.program = std::move(program);
  command.arguments = worker.arguments;
  command.environment = worker_environment(worker.threads);
  command.foreground = worker.foreground;
  if (!worker.inherits_terminal && !worker.foreground) {
    command.output.kind = Output::Kind::capture;
    command.errors.kind = Output::Kind::capture;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Process> process, processes.start(command));
  return WorkerProcess(std::move(process));
}

std::vector<std::string> WorkerProcess::lines() {
  begun_ += process_->take_output();
  return wire::take_lines(begun_);
}

}  // namespace celere::launch
