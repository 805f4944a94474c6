// What `celere ask` and the worker's `answer` are told alike: the one reads it from a person, and
// hands it to the other.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace celere::cli {

struct AnswerFlags {
  std::string checkpoint;  // empty: the newest good one
  double temperature = 0;
  double top_p = 1;
  int top_k = 0;
  std::uint64_t seed = 0;
  std::int64_t tokens_max = 256;
  std::int64_t recall = 0;  // questions of the corpus; 0: none
  std::string corpus;       // empty: that of the run file
  bool json = false;
};

void add_answer_flags(CLI::App& verb, AnswerFlags& flags);
std::vector<std::string> written(const AnswerFlags& flags);  // as arguments

}  // namespace celere::cli
