// Other programs, injected: what starts, watches or kills a process takes a Processes&, so that
// simulations and tests give their own.
//
// A process leads its own process group, so that killing the group takes what it started along,
// unless it works in the foreground. Its streams go where the caller says; no other descriptor of
// ours is open in it. A program that cannot be started is an error of start(), with the path and
// the reason.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace celere {

struct Output {
  enum class Kind { inherit, discard, file, capture } kind = Kind::inherit;
  std::string path;  // of a file, which is appended to
};

struct Command {
  std::string program;  // a path, or a name that PATH finds
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value", beside what this process has
  std::string folder;                    // to run in; empty: this one
  Output output, errors;
  // It stays in our process group and reads our standard input, for a person talks to it: what the
  // terminal sends (Ctrl-C) comes to both of us. Elsewhere its standard input is empty.
  bool foreground = false;
};

// How a process ended: exited with a code, or was killed by a signal.
struct Ending {
  std::optional<int> code;
  std::optional<int> signal;
  bool fine() const { return code == 0; }
  friend bool operator==(const Ending&, const Ending&) = default;
};
std::string written(const Ending& ending);  // "exit code 2", "killed by signal 9 (KILL)"

class Process {
 public:
  virtual ~Process() = default;  // kills the group of one that still runs, and waits for it
  virtual int id() const = 0;
  // Nothing while it runs.
  virtual std::optional<Ending> ending() = 0;
  // Waits for at most so long; nothing where it still runs then.
  virtual std::optional<Ending> wait(Seconds time) = 0;
  // To the process, or to its whole group (to itself alone in the foreground). Does nothing after
  // the end.
  virtual void send(int signal) = 0;
  virtual void send_to_group(int signal) = 0;
  // What was captured of its output and errors so far.
  virtual const std::string& captured_output() = 0;
  virtual const std::string& captured_errors() = 0;
  // Takes what was captured of its output, which is then forgotten here: of a process that talks
  // for months.
  virtual std::string take_output() = 0;
};

class Processes {
 public:
  virtual ~Processes() = default;
  // Errors: not_found, io.
  virtual Result<std::unique_ptr<Process>> start(const Command& command) = 0;
};

// The real ones.
std::unique_ptr<Processes> local_processes();

// The path of the program that runs, to start others of it.
std::string own_program();
// That of one that lies in the same folder, whether it is there or not.
std::string beside_own_program(const std::string& name);

}  // namespace celere
