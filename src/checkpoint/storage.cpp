#include "checkpoint/storage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace celere::checkpoint {
namespace {

Error failed(const char* doing, const std::string& path) {
  const int code = errno;
  return {code == ENOENT ? ErrorCode::not_found : ErrorCode::io,
          fmt::format("{} {}: {}", doing, path, std::strerror(code)),
          {}};
}

// Large writes in parts: some systems take no more at once.
constexpr std::size_t part_max = std::size_t{1} << 26;

class LocalSink final : public Sink {
 public:
  LocalSink(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~LocalSink() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LocalSink(const LocalSink&) = delete;
  LocalSink& operator=(const LocalSink&) = delete;

  Status write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t done = ::write(descriptor_, bytes.data(), std::min(bytes.size(), part_max));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed("cannot write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return Done{};
  }

  Status finish() override {
    if (::fsync(descriptor_) != 0) return failed("cannot sync", path_);
    if (::close(std::exchange(descriptor_, -1)) != 0) return failed("cannot close", path_);
    return Done{};
  }

 private:
  int descriptor_;
  std::string path_;
};

class LocalStorage final : public Storage {
 public:
  Files& files() override { return *files_; }
  const Files& files() const override { return *files_; }

  Result<std::unique_ptr<Sink>> create(const std::string& path) override {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) return failed("cannot create", path);
    return std::unique_ptr<Sink>(std::make_unique<LocalSink>(file, path));
  }

  Result<MappedFile> map(const std::string& path) const override { return MappedFile::open(path); }

  Status sync_folder(const std::string& path) override {
    const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return failed("cannot open the folder", path);
    Status status = Done{};
    if (::fsync(folder) != 0) status = failed("cannot sync the folder", path);
    ::close(folder);
    return status;
  }

  Status remove_folder(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
      return failed("cannot remove the folder", path);
    }
    return Done{};
  }

 private:
  std::unique_ptr<Files> files_ = local_files();
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed("cannot read", path);
  struct stat about{};
  if (::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(file);
    return Error{ErrorCode::io, fmt::format("cannot read {}: it is no file", path), {}};
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) {
    ::close(file);
    return MappedFile(nullptr, 0);
  }
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int code = errno;
  ::close(file);
  if (data == MAP_FAILED) {
    errno = code;
    return failed("cannot map", path);
  }
  ::madvise(data, size, MADV_SEQUENTIAL);  // advice: it may be refused
  return MappedFile(static_cast<const std::byte*>(data), size);
}

Result<MappedFile> MappedFile::filled(std::size_t size,
                                      const std::function<Status(std::span<std::byte>)>& fill) {
  if (size == 0) {
    RETURN_IF_ERROR(fill({}));
    return MappedFile(nullptr, 0);
  }
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return failed("cannot hold", fmt::format("{} bytes", size));
  MappedFile out(static_cast<const std::byte*>(data), size);
  RETURN_IF_ERROR(fill({static_cast<std::byte*>(data), size}));
  return out;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  // The mapping was made by open(); munmap asks for a pointer that is not const.
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);  // NOLINT
}

std::unique_ptr<Storage> local_storage() { return std::make_unique<LocalStorage>(); }

}  // namespace celere::checkpoint
