// The run directory: all that a training leaves behind, in one place.
//
//   runs/NAME/            NAME is run.name in lower case with dashes
//     run.toml            the run file, frozen at the first start
//     events.jsonl        what happened (wire/events.hpp)
//     metrics.jsonl       one line a step (wire/metrics.hpp)
//     status.json         what it is doing now (wire/status.hpp)
//     checkpoints/        (checkpoint/)
//     tokenizer/          a copy of the corpus' (tokens/tokenizer.hpp), to answer with
//     data/               shards that were made for this run
//     tensorboard/        event files for TensorBoard (wire/tensorboard.hpp)
//     report.html
//     lock                held by the process that trains here
//     secret              who may read it may give orders to the run's agents (wire/secret.hpp)
//     supervisor.json     where the supervisor listens (launch/supervisor_place.hpp)
//     recovery.json       what another supervisor needs to go on (launch/recovery_memory.hpp)
#pragma once

#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/result.hpp"

namespace celere::wire {

// Lower case with dashes: "The next Grok, on H100s" is "the-next-grok-on-h100s". Letters outside
// ASCII stay; a name without any letter or digit is "run".
std::string slug(std::string_view name);

struct RunDirectory {
  std::string folder;  // without a slash at its end

  std::string run_file() const { return folder + "/run.toml"; }
  std::string events() const { return folder + "/events.jsonl"; }
  std::string metrics() const { return folder + "/metrics.jsonl"; }
  std::string status() const { return folder + "/status.json"; }
  std::string checkpoints() const { return folder + "/checkpoints"; }
  std::string tokenizer() const { return folder + "/tokenizer"; }
  std::string data() const { return folder + "/data"; }
  std::string tensorboard() const { return folder + "/tensorboard"; }
  std::string report() const { return folder + "/report.html"; }
  std::string lock() const { return folder + "/lock"; }
  std::string secret() const { return folder + "/secret"; }
  std::string supervisor() const { return folder + "/supervisor.json"; }
  std::string recovery() const { return folder + "/recovery.json"; }
};

// runs/NAME of a run's name, whether it exists or not.
RunDirectory run_directory_of(const std::string& runs_folder, std::string_view run_name);

// Makes the directory and freezes the run file; one that exists is continued where its frozen file
// says the same (comments, blank lines and blanks at the ends of lines do not count). Errors:
// bad_input where it says something else, with the first line of each that differs; io.
Result<RunDirectory> make_run_directory(Files& files, const std::string& runs_folder,
                                        std::string_view run_name, std::string_view run_toml);

// What RUN on a command line means.
struct RunArgument {
  std::string run_file;       // to read: the one named, or the frozen one of a run directory
  std::string run_directory;  // of RunDirectory::folder; empty where a run file was named
};

// A run file, or a folder that holds a run.toml. Errors: not_found; bad_input for a folder that is
// no run directory.
Result<RunArgument> find_run(const Files& files, const std::string& argument);

// Holds a run directory for one trainer, until it is destroyed or the process ends, however it
// ends: the kernel lets go of the lock.
class RunLock {
 public:
  // Errors: busy, with the process that holds it; io.
  static Result<RunLock> take(const RunDirectory& directory);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

 private:
  explicit RunLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace celere::wire
