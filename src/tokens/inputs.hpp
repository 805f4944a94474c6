// Which files the sources of a corpus are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/data.hpp"

namespace celere::tokens {

struct Input {
  std::string path;
  std::uint64_t bytes = 0;   // as it lies on the disk
  std::int64_t changed = 0;  // when it was last written, in the file system's own count
};

// By source, then by name. A folder stands for all files below it but hidden ones, a text with *, ?
// or [ for the files that it matches. Errors: not_found (a name that stands for no file).
Result<std::vector<std::vector<Input>>> find_inputs(const std::vector<spec::DataSource>& sources);

// Everything that decides what the corpus will be, as one hash: the settings, the word list and the
// model that are named in them, and name, size and date of every input. Errors: of reading those.
Result<std::string> hash_of_making(const Files& files, const spec::DataSpec& data,
                                   const std::vector<std::vector<Input>>& inputs);

// The filters as a line for people.
std::string written_filters(const spec::DataFilters& filters);

}  // namespace celere::tokens
