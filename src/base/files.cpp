#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

namespace celere {
namespace {

Error failed(const char* doing, const std::string& path, int code) {
  const ErrorCode kind = code == ENOENT ? ErrorCode::not_found : ErrorCode::io;
  return {kind, fmt::format("{} {}: {}", doing, path, std::strerror(code)), {}};
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

Status write_all(const Descriptor& file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t done = ::write(file.number(), content.data(), content.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed("cannot write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(done));
  }
  if (::fsync(file.number()) != 0) return failed("cannot sync", path, errno);
  return Done{};
}

std::string folder_of_path(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

class LocalFiles : public Files {
 public:
  Result<std::string> read(const std::string& path) const override {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.open()) return failed("cannot read", path, errno);
    std::string content;
    std::string chunk(1 << 16, '\0');
    while (true) {
      const ssize_t count = ::read(file.number(), chunk.data(), chunk.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("cannot read", path, errno);
      if (count == 0) return content;
      content.append(chunk.data(), static_cast<std::size_t>(count));
    }
  }

  Status write(const std::string& path, std::string_view content) override {
    const std::string beside = fmt::format("{}.{}.part", path, ::getpid());
    {
      const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
      if (!file.open()) return failed("cannot write", beside, errno);
      RETURN_IF_ERROR(write_all(file, content, beside));
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return failed("cannot rename to", path, errno);
    const Descriptor folder(
        ::open(folder_of_path(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.open() || ::fsync(folder.number()) != 0)
      return failed("cannot sync the folder of", path, errno);
    return Done{};
  }

  Status append(const std::string& path, std::string_view content) override {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file.open()) return failed("cannot append to", path, errno);
    return write_all(file, content, path);
  }

  bool exists(const std::string& path) const override { return ::access(path.c_str(), F_OK) == 0; }

  std::vector<std::string> list(const std::string& folder) const override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Status make_folder(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return failed("cannot make the folder", path, error.value());
    return Done{};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove", path, errno);
    return Done{};
  }
};

class MemoryFiles : public Files {
 public:
  Result<std::string> read(const std::string& path) const override {
    const auto found = files_.find(path);
    if (found == files_.end()) return failed("cannot read", path, ENOENT);
    return found->second;
  }
  Status write(const std::string& path, std::string_view content) override {
    files_[path] = content;
    return Done{};
  }
  Status append(const std::string& path, std::string_view content) override {
    files_[path] += content;
    return Done{};
  }
  bool exists(const std::string& path) const override {
    return files_.contains(path) || !list(path).empty();
  }
  std::vector<std::string> list(const std::string& folder) const override {
    std::set<std::string> names;
    const std::string start = folder + "/";
    for (auto it = files_.lower_bound(start); it != files_.end() && it->first.starts_with(start);
         ++it) {
      const std::string rest = it->first.substr(start.size());
      names.insert(rest.substr(0, rest.find('/')));
    }
    return {names.begin(), names.end()};
  }
  Status make_folder(const std::string&) override { return Done{}; }
  Status remove(const std::string& path) override {
    files_.erase(path);
    return Done{};
  }

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace

std::unique_ptr<Files> local_files() { return std::make_unique<LocalFiles>(); }
std::unique_ptr<Files> memory_files() { return std::make_unique<MemoryFiles>(); }

}  // namespace celere
