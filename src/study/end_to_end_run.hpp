// A whole training as its makers published it: a row of catalog/published/end_to_end.csv, or one of
// catalog/published/mlperf.csv, told apart by their columns.
//
// The type keeps apart what a prediction may read (WholeInputs: the model's name and size, tokens,
// GPU, count, precision; of MLPerf the round, system, sequence and batch) from the answer. What
// depends on an answer (step times, tokens a second, the implied columns, notes, sources) is not
// read at all, so that a file without these columns gives the same predictions.
//
// The answer is in GPU-hours: printed, or days * 24 * GPUs, or minutes * accelerators / 60.
// MLPerf's minutes go from run_start to run_stop: steps and evaluations, and what its rules count
// of the start; loading the program and compiling are outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/csv.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace celere::study {

struct WholeInputs {
  std::string model;      // "Llama 2 70B"
  std::string gpu;        // as it is written
  std::string precision;  // empty: not said
  std::optional<double> parameters, active;
  std::optional<Tokens> tokens;
  std::optional<std::int64_t> gpus;
  // Of MLPerf alone.
  std::string round;      // "v5.1"; empty: another run
  std::string benchmark;  // "gpt3", "llama31_405b", "llama31_8b"
  std::string system;     // "eos_n64_ngc24.09_nemo"
  std::optional<std::int64_t> sequence, global_batch;

  bool mlperf() const { return !round.empty(); }
};

struct WholeRun {
  int row = 0;         // of the file, from 0
  int line = 0;        // of the file, from 1
  std::string family;  // who trained it, by the first word of the model's name; MLPerf: "mlperf"
  std::string grade;   // A to D; empty where the file does not say
  WholeInputs inputs;
  std::optional<Seconds> measured;  // GPU time: seconds summed over GPUs

  // In the summaries: stated by the trainers, or with one derivation.
  bool counts() const { return grade != "C" && grade != "D"; }
};

struct WholeRuns {
  std::string file;
  std::vector<WholeRun> runs;
};

// Errors: bad_input with file, line and column: a column of inputs that is missing, a number that
// is none or out of range.
Result<WholeRuns> read_whole_runs(const CsvTable& table);

// The two files that come with the program.
std::vector<std::string_view> embedded_whole_runs();  // paths in the catalogue

// The word by which runs of one maker are held together: the letters in front, in lower case.
std::string family_of(std::string_view model);

}  // namespace celere::study
