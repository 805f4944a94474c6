// The file system, injected: what reads or writes files takes a Files&, so that tests and
// simulations give their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace celere {

class Files {
 public:
  virtual ~Files() = default;
  // Errors: not_found, io.
  virtual Result<std::string> read(const std::string& path) const = 0;
  // Writes beside the target, syncs, and renames: the old content or the new, never a part. Errors:
  // io.
  virtual Status write(const std::string& path, std::string_view content) = 0;
  virtual Status append(const std::string& path, std::string_view content) = 0;
  virtual bool exists(const std::string& path) const = 0;
  // Names of what lies in a folder, sorted; empty where it does not exist.
  virtual std::vector<std::string> list(const std::string& folder) const = 0;
  virtual Status make_folder(
      const std::string& path) = 0;                    // with its parents; fine where it exists
  virtual Status remove(const std::string& path) = 0;  // a file; fine where it does not exist
};

// The real one.
std::unique_ptr<Files> local_files();

// In memory, for tests; folders exist as soon as a file lies in them.
std::unique_ptr<Files> memory_files();

}  // namespace celere
