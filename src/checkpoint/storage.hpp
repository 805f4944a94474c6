// The disk as checkpoints use it: base/files.hpp, and beside it streams that sync and files that
// are mapped. Injected, so that a test can fill the disk up.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/files.hpp"
#include "base/result.hpp"

namespace celere::checkpoint {

class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status write(std::span<const std::byte> bytes) = 0;  // errors: io
  virtual Status finish() = 0;  // on the disk when it returns; errors: io
};

// Read-only memory of a file's content.
class MappedFile {
 public:
  // Errors: not_found, io.
  static Result<MappedFile> open(const std::string& path);
  // Of a file that lies nowhere here: `fill` gets the memory of its bytes, all zero. Errors: io,
  // where there is not so much memory; those of fill.
  static Result<MappedFile> filled(std::size_t size,
                                   const std::function<Status(std::span<std::byte>)>& fill);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

class Storage {
 public:
  virtual ~Storage() = default;
  virtual Files& files() = 0;
  virtual const Files& files() const = 0;
  // A new file; one of that name is an error. Errors: io.
  virtual Result<std::unique_ptr<Sink>> create(const std::string& path) = 0;
  virtual Result<MappedFile> map(const std::string& path) const = 0;
  virtual Status sync_folder(const std::string& path) = 0;  // its names are on the disk; errors: io
  virtual Status remove_folder(const std::string& path) = 0;  // an empty one; errors: io
};

// The real one.
std::unique_ptr<Storage> local_storage();

}  // namespace celere::checkpoint
