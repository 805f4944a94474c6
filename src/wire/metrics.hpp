// What a step measured: one line of JSON a step in metrics.jsonl, with keys that end in their unit.
//
//   {"step":120,"loss":3.1415,"tokens_per_s":51234.5,"step_time_s":0.12,...}
//
// What was not measured is left out. JSON has no numbers for "not a number" and infinity: they are
// written as the texts "nan", "inf" and "-inf". After a training went back to a checkpoint a step
// has two lines: the later one holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/append_file.hpp"

namespace celere::wire {

struct StepMetrics {
  std::int64_t step = 0;                  // from 1: the first update is step 1
  std::optional<double> time_s;           // since the training began, over all its starts
  std::optional<std::int64_t> tokens;     // consumed so far
  std::optional<std::int64_t> samples;    // consumed so far
  std::optional<double> loss;             // mean over the global batch, in nats a token
  std::optional<double> loss_validation;  // where it was measured after this step
  std::optional<double> loss_balance;     // of the experts' load
  std::optional<double> learning_rate;
  std::optional<double> gradient_norm;      // before clipping
  std::optional<double> step_time_s;        // all of it
  std::optional<double> data_time_s;        // of that, waiting for data
  std::optional<double> checkpoint_time_s;  // of that, blocked by a save
  std::optional<double> tokens_per_s;
  std::optional<double> gemm_share;  // model FLOP/s over the machine's measured GEMM peak
  std::optional<double> time_left_s;
  std::optional<std::int64_t> memory_max_bytes;

  friend bool operator==(const StepMetrics&, const StepMetrics&) = default;
};

// One line, without its end.
std::string written_json(const StepMetrics& metrics);
// Keys that are not known are passed over: a later version may have more. Errors: corrupt.
Result<StepMetrics> parse_metrics(std::string_view line);

class MetricsLog {
 public:
  // Continues a file that exists. Errors: io.
  static Result<MetricsLog> open(const std::string& path);
  // With the operating system when it returns; not synced to the disk. Errors: io.
  Status append(const StepMetrics& metrics);

 private:
  explicit MetricsLog(AppendFile file) : file_(std::move(file)) {}
  AppendFile file_;
};

// All steps of a file, ascending; of a step that has two lines the later one. A last line without
// an end, as a killed process leaves it, is passed over. Errors: not_found, io; corrupt with the
// line.
Result<std::vector<StepMetrics>> read_metrics(const Files& files, const std::string& path);

}  // namespace celere::wire
