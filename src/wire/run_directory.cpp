#include "wire/run_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace celere::wire {
namespace {

constexpr std::size_t slug_bytes_max = 100;

struct Line {
  int number = 0;  // 0: past the end
  std::string_view text;
};

// The next line that says something, without the blanks at its ends; moves `rest` and `number`.
Line next_line(std::string_view& rest, int& number) {
  constexpr std::string_view blank = " \t\r";
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    const std::size_t first = line.find_first_not_of(blank);
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first, line.find_last_not_of(blank) + 1 - first);
    return {number, line};
  }
  return {};
}

// What to say of the first line that differs; empty where none does.
std::string difference(std::string_view frozen, std::string_view now) {
  int frozen_number = 0, now_number = 0;
  while (true) {
    const Line before = next_line(frozen, frozen_number);
    const Line after = next_line(now, now_number);
    if (before.number == 0 && after.number == 0) return "";
    if (before.text == after.text) continue;
    const auto told = [](const Line& line) {
      return line.number == 0 ? std::string("its end")
                              : fmt::format("line {}: {}", line.number, line.text);
    };
    return fmt::format("it began with  {}\nand now says   {}", told(before), told(after));
  }
}

}  // namespace

std::string slug(std::string_view name) {
  std::string out;
  bool dash = false;
  for (const char letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool upper = byte >= 'A' && byte <= 'Z';
    const bool kept = upper || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
    if (!kept && byte < 0x80) {
      dash = !out.empty();
      continue;
    }
    if (dash) out += '-';
    dash = false;
    out += upper ? static_cast<char>(byte - 'A' + 'a') : letter;
  }
  if (out.size() > slug_bytes_max) {
    std::size_t end = slug_bytes_max;  // not in the middle of a letter of several bytes
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
    out.resize(end);
    while (out.ends_with('-')) out.pop_back();
  }
  return out.empty() ? "run" : out;
}

RunDirectory run_directory_of(const std::string& runs_folder, std::string_view run_name) {
  return {.folder = fmt::format("{}/{}", runs_folder, slug(run_name))};
}

Result<RunDirectory> make_run_directory(Files& files, const std::string& runs_folder,
                                        std::string_view run_name, std::string_view run_toml) {
  RunDirectory directory = run_directory_of(runs_folder, run_name);
  if (files.exists(directory.run_file())) {
    ASSIGN_OR_RETURN(const std::string frozen, files.read(directory.run_file()));
    const std::string differs = difference(frozen, run_toml);
    if (differs.empty()) return directory;
    return bad_input(fmt::format(
        "{} holds a training of another run file:\n{}\nGive this one another run.name, or remove "
        "that folder.",
        directory.folder, differs));
  }
  for (const std::string& folder : {directory.folder, directory.checkpoints(), directory.data()}) {
    RETURN_IF_ERROR(files.make_folder(folder));
  }
  RETURN_IF_ERROR(files.write(directory.run_file(), run_toml));
  return directory;
}

Result<RunArgument> find_run(const Files& files, const std::string& argument) {
  std::string folder = argument;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const RunDirectory directory{.folder = folder};
  if (files.exists(directory.run_file())) {
    return RunArgument{.run_file = directory.run_file(), .run_directory = folder};
  }
  if (!files.exists(argument)) {
    return Error{ErrorCode::not_found,
                 fmt::format("{}: there is no such run file or run directory", argument),
                 {}};
  }
  // A file lists nothing; so does an empty folder, which cannot be read.
  if (!files.list(folder).empty() || !files.read(argument).ok()) {
    return bad_input(fmt::format("{}: no run directory: it holds no run.toml", argument));
  }
  return RunArgument{.run_file = argument, .run_directory = ""};
}

Result<RunLock> RunLock::take(const RunDirectory& directory) {
  const std::string path = directory.lock();
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return Error{ErrorCode::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)), {}};
  }
  RunLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    const int problem = errno;
    if (problem != EWOULDBLOCK) {
      return Error{
          ErrorCode::io, fmt::format("cannot lock {}: {}", path, std::strerror(problem)), {}};
    }
    std::array<char, 32> holder{};
    const ssize_t count = ::pread(file, holder.data(), holder.size() - 1, 0);
    const std::string_view id(holder.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    return Error{ErrorCode::busy,
                 fmt::format("{}: process {} trains here already", directory.folder,
                             id.substr(0, id.find('\n'))),
                 {}};
  }
  const std::string id = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return Error{ErrorCode::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)), {}};
  }
  return lock;
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace celere::wire
