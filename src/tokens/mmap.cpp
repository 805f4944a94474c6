#include "tokens/mmap.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace celere::tokens {

Result<Mmap> Mmap::open(const std::string& path) {
  const auto failed = [&path](const char* doing, int code) {
    return Error{code == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("cannot {} {}: {}", doing, path, std::strerror(code)),
                 {}};
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed("read", errno);
  struct stat about{};
  if (::fstat(file, &about) != 0) {
    const int code = errno;
    ::close(file);
    return failed("look at", code);
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) {
    ::close(file);
    return Mmap();
  }
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  const int code = errno;
  ::close(file);
  if (data == MAP_FAILED) return failed("map", code);
  return Mmap(static_cast<const char*>(data), size);
}

Mmap::~Mmap() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}
Mmap::Mmap(Mmap&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
Mmap& Mmap::operator=(Mmap&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace celere::tokens
