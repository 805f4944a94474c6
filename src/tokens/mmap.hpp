// A file as bytes in memory that the system reads when they are touched.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace celere::tokens {

class Mmap {
 public:
  // Errors: not_found, io.
  static Result<Mmap> open(const std::string& path);
  Mmap() = default;
  ~Mmap();
  Mmap(Mmap&& other) noexcept;
  Mmap& operator=(Mmap&& other) noexcept;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  Mmap(const char* data, std::size_t size) : data_(data), size_(size) {}
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace celere::tokens
