// A file that grows record by record and outlives a kill: each append is one write to the operating
// system; sync waits for the disk.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace celere::wire {

class AppendFile {
 public:
  // Opens or makes a file of lines. A part of a line at its end, as a process that was killed in
  // the middle of a write leaves it, is cut off. Errors: io.
  static Result<AppendFile> lines(const std::string& path);
  // Makes a file of bytes; one that exists is appended to as it is. Errors: io.
  static Result<AppendFile> bytes(const std::string& path);

  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  Status append(std::string_view content);  // errors: io
  Status sync();                            // errors: io
  const std::string& path() const { return path_; }

 private:
  AppendFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  std::string path_;
};

}  // namespace celere::wire
