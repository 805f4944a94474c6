#include "wire/append_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace celere::wire {
namespace {

Error failed(const char* doing, const std::string& path) {
  return {ErrorCode::io, fmt::format("{} {}: {}", doing, path, std::strerror(errno)), {}};
}

// Where the last line ends; nothing where the file cannot be read.
std::optional<off_t> end_of_lines(int file) {
  off_t end = ::lseek(file, 0, SEEK_END);
  std::array<char, 4096> chunk{};
  while (end > 0) {
    const off_t from = std::max<off_t>(0, end - static_cast<off_t>(chunk.size()));
    const ssize_t count = ::pread(file, chunk.data(), static_cast<std::size_t>(end - from), from);
    if (count <= 0) return std::nullopt;
    for (ssize_t i = count; i > 0; --i) {
      if (chunk[static_cast<std::size_t>(i - 1)] == '\n') return from + i;
    }
    end = from;
  }
  if (end < 0) return std::nullopt;
  return 0;
}

}  // namespace

Result<AppendFile> AppendFile::bytes(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return failed("cannot open", path);
  return AppendFile(file, path);
}

Result<AppendFile> AppendFile::lines(const std::string& path) {
  ASSIGN_OR_RETURN(AppendFile file, bytes(path));
  const std::optional<off_t> end = end_of_lines(file.descriptor_);
  if (!end) return failed("cannot read", path);
  if (::ftruncate(file.descriptor_, *end) != 0) return failed("cannot cut", path);
  return file;
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status AppendFile::append(std::string_view content) {
  while (!content.empty()) {
    const ssize_t done = ::write(descriptor_, content.data(), content.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed("cannot append to", path_);
    content.remove_prefix(static_cast<std::size_t>(done));
  }
  return Done{};
}

Status AppendFile::sync() {
  if (::fsync(descriptor_) != 0) return failed("cannot sync", path_);
  return Done{};
}

}  // namespace celere::wire
