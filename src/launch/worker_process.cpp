#include "launch/worker_process.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>

namespace celere::launch {
namespace {

// The folder of the program that runs.
std::string own_folder() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return ".";
  const std::string whole(path.data(), static_cast<std::size_t>(length));
  return whole.substr(0, whole.rfind('/'));
}

}  // namespace

Result<std::string> worker_program(const Files& files) {
  if (const char* given = std::getenv("CELERE_WORKER"); given != nullptr && *given != '\0') {
    if (files.exists(given)) return std::string(given);
    return Error{
        ErrorCode::not_found, fmt::format("{} (from CELERE_WORKER) does not exist", given), {}};
  }
  std::string path = own_folder() + "/celere-worker";
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
  std::vector<std::string> out;
  std::size_t read = 0;
  for (std::size_t end = begun_.find('\n'); end != std::string::npos;
       end = begun_.find('\n', read)) {
    out.push_back(begun_.substr(read, end - read));
    read = end + 1;
  }
  begun_.erase(0, read);
  return out;
}

}  // namespace celere::launch
