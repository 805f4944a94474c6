#include "base/processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

extern char** environ;

namespace celere {
namespace {

// One end of a pipe, or nothing.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// What a captured stream has brought so far.
struct Captured {
  Descriptor end;
  std::string text;

  // Takes what is there without waiting.
  void drain() {
    std::array<char, 65536> bytes;
    while (end.get() >= 0) {
      const ssize_t got = read(end.get(), bytes.data(), bytes.size());
      if (got > 0) {
        text.append(bytes.data(), static_cast<std::size_t>(got));
      } else if (got == 0) {
        end.close();
      } else if (errno != EINTR) {
        return;
      }
    }
  }
};

class LocalProcess final : public Process {
 public:
  LocalProcess(pid_t id, bool leads_group, Captured output, Captured errors)
      : id_(id),
        leads_group_(leads_group),
        output_(std::move(output)),
        errors_(std::move(errors)) {}

  ~LocalProcess() override {
    if (ending()) return;
    send_to_group(SIGKILL);
    reap(0);
  }

  int id() const override { return id_; }

  std::optional<Ending> ending() override {
    output_.drain();
    errors_.drain();
    if (!ending_) reap(WNOHANG);
    return ending_;
  }

  // Looks ever less often, at most every 10 ms: descriptors of processes (pidfd) would wake it, but
  // Debian 12's C library has no call for them.
  std::optional<Ending> wait(Seconds time) override {
    using Steady = std::chrono::steady_clock;
    const auto deadline = Steady::now() + std::chrono::duration<double>(time.in_base());
    for (double pause = 0.1e-3; !ending() && Steady::now() < deadline;
         pause = std::min(2 * pause, 10e-3)) {
      std::array<pollfd, 2> streams = {{{.fd = output_.end.get(), .events = POLLIN, .revents = 0},
                                        {.fd = errors_.end.get(), .events = POLLIN, .revents = 0}}};
      timespec rest{.tv_sec = 0, .tv_nsec = static_cast<long>(pause * 1e9)};
      ppoll(streams.data(), streams.size(), &rest, nullptr);
    }
    return ending();
  }

  void send(int signal) override {
    if (!ending()) kill(id_, signal);
  }

  // The group may outlive its leader, so it is signalled even then.
  void send_to_group(int signal) override {
    if (leads_group_) {
      kill(-id_, signal);
    } else {
      send(signal);
    }
  }

  const std::string& captured_output() override {
    output_.drain();
    return output_.text;
  }
  const std::string& captured_errors() override {
    errors_.drain();
    return errors_.text;
  }
  std::string take_output() override {
    output_.drain();
    return std::exchange(output_.text, {});
  }

 private:
  void reap(int options) {
    int status = 0;
    pid_t got = 0;
    do {
      got = waitpid(id_, &status, options);
    } while (got < 0 && errno == EINTR);
    if (got != id_) return;
    Ending ending;
    if (WIFEXITED(status)) ending.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) ending.signal = WTERMSIG(status);
    ending_ = ending;
    output_.drain();
    errors_.drain();
  }

  pid_t id_;
  bool leads_group_;
  Captured output_, errors_;
  std::optional<Ending> ending_;
};

Error system_error(const std::string& what, int number) {
  const bool missing = number == ENOENT || number == ENOTDIR;
  return {missing ? ErrorCode::not_found : ErrorCode::io,
          fmt::format("{}: {}", what, std::strerror(number)),
          {}};
}

class Spawn {
 public:
  Spawn() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  // Where a stream of the child goes; `captured` gets our end of a pipe.
  Status stream(int number, const Output& output, Captured& captured) {
    switch (output.kind) {
      case Output::Kind::inherit:
        return Done{};
      case Output::Kind::discard:
        posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_WRONLY, 0);
        return Done{};
      case Output::Kind::file: {
        // Opened here, so that a wrong path is an error with its name.
        Descriptor file(open(output.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
        if (file.get() < 0) return system_error(output.path, errno);
        posix_spawn_file_actions_adddup2(&actions_, file.get(), number);
        ours_.push_back(std::move(file));
        return Done{};
      }
      case Output::Kind::capture: {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("a pipe", errno);
        captured.end = Descriptor(ends[0]);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        posix_spawn_file_actions_adddup2(&actions_, ends[1], number);
        ours_.emplace_back(ends[1]);
        return Done{};
      }
    }
    return Done{};
  }

  Result<pid_t> start(const Command& command) {
    if (!command.folder.empty()) {
      posix_spawn_file_actions_addchdir_np(&actions_, command.folder.c_str());
    }
    if (!command.foreground) {
      posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
      posix_spawnattr_setpgroup(&attributes_, 0);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    const int group = command.foreground ? 0 : POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setflags(&attributes_, static_cast<short>(group | POSIX_SPAWN_SETSIGMASK));
    std::vector<char*> arguments = {const_cast<char*>(command.program.c_str())};
    for (const std::string& argument : command.arguments) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (const std::string& setting : command.environment) {
      environment.push_back(const_cast<char*>(setting.c_str()));
    }
    // Ours in the place of those of the same name: of two, who reads them takes either.
    for (char** setting = environ; *setting != nullptr; ++setting) {
      const std::string_view text = *setting;
      const std::string_view name = text.substr(0, text.find('=') + 1);
      const bool replaced = std::any_of(
          command.environment.begin(), command.environment.end(),
          [&](const std::string& own) { return !name.empty() && own.starts_with(name); });
      if (!replaced) environment.push_back(*setting);
    }
    environment.push_back(nullptr);
    pid_t id = 0;
    const int problem = posix_spawnp(&id, command.program.c_str(), &actions_, &attributes_,
                                     arguments.data(), environment.data());
    if (problem != 0) {
      const std::string where =
          command.folder.empty() ? "" : fmt::format(" (in {})", command.folder);
      return system_error(fmt::format("cannot start {}{}", command.program, where), problem);
    }
    return id;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::vector<Descriptor> ours_;  // closed here once the child has them
};

class LocalProcesses final : public Processes {
 public:
  Result<std::unique_ptr<Process>> start(const Command& command) override {
    Captured output, errors;
    Spawn spawn;
    RETURN_IF_ERROR(spawn.stream(STDOUT_FILENO, command.output, output));
    RETURN_IF_ERROR(spawn.stream(STDERR_FILENO, command.errors, errors));
    ASSIGN_OR_RETURN(const pid_t id, spawn.start(command));
    return std::unique_ptr<Process>(std::make_unique<LocalProcess>(
        id, !command.foreground, std::move(output), std::move(errors)));
  }
};

}  // namespace

std::string written(const Ending& ending) {
  if (ending.code) return fmt::format("exit code {}", *ending.code);
  const char* name = sigabbrev_np(*ending.signal);
  return fmt::format("killed by signal {} ({})", *ending.signal, name == nullptr ? "?" : name);
}

std::unique_ptr<Processes> local_processes() { return std::make_unique<LocalProcesses>(); }

std::string own_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return "/proc/self/exe";
  // Built or installed anew meanwhile: what stands in its place goes on.
  const std::string_view replaced = " (deleted)";
  std::string_view program(path.data(), static_cast<std::size_t>(length));
  if (program.ends_with(replaced)) program.remove_suffix(replaced.size());
  return std::string(program);
}

std::string beside_own_program(const std::string& name) {
  const std::string own = own_program();
  return own.substr(0, own.rfind('/')) + "/" + name;
}

}  // namespace celere
