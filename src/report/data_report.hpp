// A corpus and its making, for people and for programs.
#pragma once

#include <string>

#include "base/files.hpp"
#include "base/result.hpp"
#include "tokens/build.hpp"
#include "tokens/manifest.hpp"

namespace celere::report {

std::string data_build_text(const tokens::BuildReport& build, const std::string& folder);
std::string data_build_json(const tokens::BuildReport& build, const std::string& folder);

struct DataShowOptions {
  std::string folder;
  std::size_t documents = 0;  // of the training side, with their text
  bool verify = false;        // read all shards and compare their hashes
};

// Errors: those of the corpus.
Result<std::string> data_show_text(const Files& files, const DataShowOptions& options);
Result<std::string> data_show_json(const Files& files, const DataShowOptions& options);

}  // namespace celere::report
