// A published, measured training run: one row of catalog/published/runs.csv, checked.
//
// The type keeps apart what a prediction may read (RunInputs) from what it is held against
// (Measured) and from what only names the row (id, source, notes): a function that is given
// RunInputs cannot see an answer. catalog/published/README.md says what each column means.
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

// What a row says of its run, as it is written: an empty cell is an empty text or no number. What
// is empty is filled by the rules of study/row_*.hpp, the same for every row.
struct RunInputs {
  std::string gpu, interconnect, precision, model_name;
  std::string zero, recompute, framework, offload, release, pp_partition;
  std::vector<std::string> flags;
  std::optional<std::int64_t> year, gpus;
  std::optional<std::int64_t> layers, hidden, ffn, heads, kv_heads, head_dim, vocab, sequence;
  std::optional<std::int64_t> gated;  // 0 or 1
  std::optional<std::int64_t> experts, top_k, expert_ffn, shared_experts;
  std::optional<std::int64_t> tp, pp, vpp, cp, ep, dp, micro_batch, global_batch;
  std::optional<std::int64_t> sequence_parallel;  // 0 or 1

  bool has(std::string_view flag) const;
  // The N of a flag "name=N".
  std::optional<int> amount(std::string_view flag) const;
};

// What was measured. A step time that is not printed is derived from tokens a second and GPU; never
// from FLOP/s, whose conventions differ among sources.
struct Measured {
  std::optional<Seconds> step;
  std::optional<Bytes> peak_memory;  // of tensors, on the fullest GPU
};

struct PublishedRun {
  std::string id;      // "sc21-001"
  std::string family;  // "sc21": what ids of one source begin with
  std::string source;  // in full
  std::string grade;   // A, B or C; empty where the row does not say
  int line = 0;        // of the file
  RunInputs inputs;
  Measured measured;
};

struct PublishedRuns {
  std::vector<PublishedRun> runs;
  std::vector<std::string> ignored;  // columns that are none of the format's
};

// Errors: bad_input with file, line and column: a column of inputs that is missing, a number that
// is none or out of range, an id that is empty or stands twice.
Result<PublishedRuns> read_published_runs(const CsvTable& table);

// The rows that come with the program.
std::string_view embedded_published_runs();

// The columns that describe a run's inputs, and those that hold what was measured.
std::vector<std::string_view> input_columns();
std::vector<std::string_view> measured_columns();

}  // namespace celere::study
