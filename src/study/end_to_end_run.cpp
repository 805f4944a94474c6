#include "study/end_to_end_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "study/cells.hpp"

namespace celere::study {
namespace {

constexpr double seconds_an_hour = 3600;
constexpr double gpus_most = 16'777'216;
constexpr double parameters_most = 1e15, tokens_most = 1e18;
constexpr double sequence_most = 1e8, batch_most = 1e9;

// Above 0; nothing where the cell is empty.
Result<std::optional<double>> positive(const Cells& cells, std::string_view column,
                                       double most = 1e30) {
  ASSIGN_OR_RETURN(const std::optional<double> value, cells.number(column));
  if (value && (*value <= 0 || *value > most)) {
    return cells.wrong(
        column, fmt::format("is {}, and must be above 0 and at most {}", cells.text(column), most));
  }
  return value;
}

Result<std::optional<std::int64_t>> count(const Cells& cells, std::string_view column,
                                          double most) {
  ASSIGN_OR_RETURN(const std::optional<double> value, positive(cells, column, most));
  if (!value) return std::optional<std::int64_t>();
  if (*value != std::floor(*value)) {
    return cells.wrong(column,
                       fmt::format("is {}, and must be a whole number", cells.text(column)));
  }
  return std::optional<std::int64_t>(static_cast<std::int64_t>(*value));
}

// What the rules of the benchmarks say of their models.
struct Benchmark {
  std::string_view name;   // in the files of submissions
  std::string_view model;  // in words
  double parameters;
};
constexpr std::array benchmarks = {
    Benchmark{"gpt3", "GPT-3 175B", 175e9},
    Benchmark{"llama31_405b", "Llama 3.1 405B", 405e9},
    Benchmark{"llama31_8b", "Llama 3.1 8B", 8.03e9},
};

constexpr std::array run_columns = {
    std::string_view("model"),         std::string_view("params_total"),
    std::string_view("params_active"), std::string_view("tokens"),
    std::string_view("gpu"),           std::string_view("n_gpus"),
    std::string_view("precision")};
constexpr std::array mlperf_columns = {
    std::string_view("round"),        std::string_view("system"),
    std::string_view("benchmark"),    std::string_view("accelerators"),
    std::string_view("accelerator"),  std::string_view("seq_len"),
    std::string_view("global_batch"), std::string_view("tokens_trained_mean")};
constexpr std::string_view mlperf_minutes = "mean_minutes_raw_log_olympic";

template <typename Columns>
Status check_columns(const CsvTable& table, const Columns& columns) {
  for (const std::string_view name : columns) {
    if (table.column(name)) continue;
    return bad_input(fmt::format(
        "{}:1: the column {} is missing; its cells may be empty (catalog/published/README.md)",
        table.file, name));
  }
  return Done{};
}

// "MLPerf v5.1 Llama 3.1 8B (NVIDIA/tyche_ngpu8_ngc25.09_nemo)" into its parts.
void take_mlperf_apart(WholeInputs& inputs) {
  constexpr std::string_view mark = "MLPerf ";
  if (!inputs.model.starts_with(mark)) return;
  std::string rest = inputs.model.substr(mark.size());
  const std::size_t space = rest.find(' ');
  if (space == std::string::npos || !rest.starts_with("v")) return;
  inputs.round = rest.substr(0, space);
  rest = rest.substr(space + 1);
  const std::size_t open = rest.find(" (");
  if (open != std::string::npos) {
    inputs.system = rest.substr(open + 2);
    if (inputs.system.ends_with(")")) inputs.system.pop_back();
    rest = rest.substr(0, open);
  }
  inputs.model = rest;
  for (const Benchmark& one : benchmarks) {
    if (one.model == rest) inputs.benchmark = one.name;
  }
}

Result<WholeRun> read_run(const Cells& cells) {
  WholeRun run;
  WholeInputs& inputs = run.inputs;
  inputs.model = cells.text("model");
  inputs.gpu = cells.text("gpu");
  inputs.precision = cells.text("precision");
  ASSIGN_OR_RETURN(inputs.parameters, positive(cells, "params_total", parameters_most));
  ASSIGN_OR_RETURN(inputs.active, positive(cells, "params_active", parameters_most));
  ASSIGN_OR_RETURN(const std::optional<double> tokens, positive(cells, "tokens", tokens_most));
  if (tokens) inputs.tokens = Tokens::of(*tokens);
  ASSIGN_OR_RETURN(inputs.gpus, count(cells, "n_gpus", gpus_most));
  if (inputs.active && inputs.parameters && *inputs.active > *inputs.parameters) {
    return cells.wrong("params_active", fmt::format("{} is more than params_total {}",
                                                    *inputs.active, *inputs.parameters));
  }
  run.family = family_of(inputs.model);
  take_mlperf_apart(inputs);
  ASSIGN_OR_RETURN(const std::optional<double> hours, positive(cells, "gpu_hours"));
  ASSIGN_OR_RETURN(const std::optional<double> days, positive(cells, "wall_days"));
  if (hours) {
    run.measured = Seconds::of(*hours * seconds_an_hour);
  } else if (days && inputs.gpus) {
    run.measured = Seconds::of(*days * 24 * seconds_an_hour * static_cast<double>(*inputs.gpus));
  }
  return run;
}

Result<WholeRun> read_mlperf(const Cells& cells) {
  WholeRun run;
  run.family = "mlperf";
  WholeInputs& inputs = run.inputs;
  inputs.round = cells.text("round");
  if (inputs.round.empty()) return cells.wrong("round", "is empty");
  inputs.benchmark = cells.text("benchmark");
  inputs.system = cells.text("system");
  inputs.gpu = cells.text("accelerator");
  inputs.model = inputs.benchmark;
  for (const Benchmark& one : benchmarks) {
    if (one.name != inputs.benchmark) continue;
    inputs.model = one.model;
    inputs.parameters = inputs.active = one.parameters;
  }
  ASSIGN_OR_RETURN(const auto tokens, positive(cells, "tokens_trained_mean", tokens_most));
  if (tokens) inputs.tokens = Tokens::of(*tokens);
  ASSIGN_OR_RETURN(inputs.gpus, count(cells, "accelerators", gpus_most));
  ASSIGN_OR_RETURN(inputs.sequence, count(cells, "seq_len", sequence_most));
  ASSIGN_OR_RETURN(inputs.global_batch, count(cells, "global_batch", batch_most));
  ASSIGN_OR_RETURN(const auto minutes, positive(cells, mlperf_minutes));
  if (minutes && inputs.gpus) {
    run.measured = Seconds::of(*minutes * 60 * static_cast<double>(*inputs.gpus));
  }
  return run;
}

}  // namespace

std::string family_of(std::string_view model) {
  std::string word;
  for (const char letter : model) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalpha(byte) == 0) break;
    word += static_cast<char>(std::tolower(byte));
  }
  return word;
}

Result<WholeRuns> read_whole_runs(const CsvTable& table) {
  const bool of_mlperf = table.column("benchmark").has_value();
  if (of_mlperf) {
    RETURN_IF_ERROR(check_columns(table, mlperf_columns));
  } else {
    RETURN_IF_ERROR(check_columns(table, run_columns));
  }
  WholeRuns out;
  out.file = table.file;
  for (const CsvRow& row : table.rows) {
    const Cells cells(table, row);
    ASSIGN_OR_RETURN(WholeRun run, of_mlperf ? read_mlperf(cells) : read_run(cells));
    run.row = static_cast<int>(out.runs.size());
    run.line = row.line;
    run.grade = cells.text("grade");
    out.runs.push_back(std::move(run));
  }
  return out;
}

std::vector<std::string_view> embedded_whole_runs() {
  return {"published/end_to_end.csv", "published/mlperf.csv"};
}

}  // namespace celere::study
