#include "study/published_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>

#include "base/check.hpp"
#include "spec/catalog.hpp"
#include "study/cells.hpp"

namespace celere::study {
namespace {

struct TextColumn {
  std::string_view name;
  std::string RunInputs::* to;
};
struct CountColumn {
  std::string_view name;
  std::optional<std::int64_t> RunInputs::* to;
  std::int64_t least = 1;
  std::int64_t most = 1'000'000'000;
};

constexpr std::array texts = {
    TextColumn{"gpu", &RunInputs::gpu},
    TextColumn{"interconnect", &RunInputs::interconnect},
    TextColumn{"precision", &RunInputs::precision},
    TextColumn{"model_name", &RunInputs::model_name},
    TextColumn{"zero_stage/fsdp", &RunInputs::zero},
    TextColumn{"recompute", &RunInputs::recompute},
    TextColumn{"framework", &RunInputs::framework},
    TextColumn{"offload", &RunInputs::offload},
    TextColumn{"release", &RunInputs::release},
    TextColumn{"pp_partition", &RunInputs::pp_partition},
};
constexpr std::array counts = {
    CountColumn{"year", &RunInputs::year, 2000, 2100},
    CountColumn{"n_gpus", &RunInputs::gpus, 1, 16'777'216},
    CountColumn{"n_layers", &RunInputs::layers, 1, 100'000},
    CountColumn{"hidden", &RunInputs::hidden, 1, 10'000'000},
    CountColumn{"ffn_hidden", &RunInputs::ffn, 1, 100'000'000},
    CountColumn{"n_heads", &RunInputs::heads, 1, 100'000},
    CountColumn{"n_kv_heads", &RunInputs::kv_heads, 1, 100'000},
    CountColumn{"head_dim", &RunInputs::head_dim, 1, 100'000},
    CountColumn{"vocab", &RunInputs::vocab, 1, 100'000'000},
    CountColumn{"seq_len", &RunInputs::sequence},
    CountColumn{"gated_mlp", &RunInputs::gated, 0, 1},
    CountColumn{"moe_experts", &RunInputs::experts, 1, 1'000'000},
    CountColumn{"moe_topk", &RunInputs::top_k, 1, 1'000'000},
    CountColumn{"moe_ffn_hidden", &RunInputs::expert_ffn, 1, 100'000'000},
    CountColumn{"shared_experts", &RunInputs::shared_experts, 0, 1'000},
    CountColumn{"tp", &RunInputs::tp, 1, 1'000'000},
    CountColumn{"pp", &RunInputs::pp, 1, 1'000'000},
    CountColumn{"vpp", &RunInputs::vpp, 1, 1'000'000},
    CountColumn{"cp", &RunInputs::cp, 1, 1'000'000},
    CountColumn{"ep", &RunInputs::ep, 1, 1'000'000},
    CountColumn{"dp", &RunInputs::dp, 1, 16'777'216},
    CountColumn{"sequence_parallel", &RunInputs::sequence_parallel, 0, 1},
    CountColumn{"micro_batch", &RunInputs::micro_batch, 1, 1'000'000},
    CountColumn{"global_batch", &RunInputs::global_batch},
};
constexpr std::string_view flags_column = "flags";
constexpr std::array measured_names = {std::string_view("step_s"),
                                       std::string_view("measured_step_s"),
                                       std::string_view("measured_tokens_per_s_per_gpu"),
                                       std::string_view("measured_peak_memory_gib"),
                                       std::string_view("measured_tflops_per_gpu"),
                                       std::string_view("measured_mfu_pct")};
constexpr std::array other_names = {
    std::string_view("id"),    std::string_view("source"), std::string_view("flops_convention"),
    std::string_view("notes"), std::string_view("grade"),  std::string_view("step_source")};

Result<std::optional<Seconds>> positive(const Cells& cells, std::string_view column) {
  ASSIGN_OR_RETURN(const std::optional<double> value, cells.number(column));
  if (!value) return std::optional<Seconds>();
  if (*value <= 0) return cells.wrong(column, fmt::format("is {}, and must be above 0", *value));
  return std::optional<Seconds>(Seconds::of(*value));
}

// "8", and "8.0" as spreadsheets write it where other rows are empty.
Status read_count(RunInputs& inputs, const CountColumn& column, const Cells& cells) {
  ASSIGN_OR_RETURN(const std::optional<double> value, cells.number(column.name));
  if (!value) return Done{};
  if (*value != std::floor(*value) || *value < static_cast<double>(column.least) ||
      *value > static_cast<double>(column.most)) {
    return cells.wrong(column.name, fmt::format("is {}, and must be a whole number from {} to {}",
                                                *value, column.least, column.most));
  }
  inputs.*column.to = static_cast<std::int64_t>(*value);
  return Done{};
}

Result<RunInputs> read_inputs(const Cells& cells) {
  RunInputs inputs;
  for (const TextColumn& column : texts) inputs.*column.to = cells.text(column.name);
  for (const CountColumn& column : counts) RETURN_IF_ERROR(read_count(inputs, column, cells));
  std::istringstream words(cells.text(flags_column));
  for (std::string word; words >> word;) inputs.flags.push_back(word);
  return inputs;
}

Result<Measured> read_measured(const Cells& cells, const RunInputs& inputs) {
  Measured measured;
  ASSIGN_OR_RETURN(measured.step, positive(cells, "step_s"));
  ASSIGN_OR_RETURN(const std::optional<Seconds> printed, positive(cells, "measured_step_s"));
  if (!measured.step) measured.step = printed;
  ASSIGN_OR_RETURN(const auto rate, cells.number("measured_tokens_per_s_per_gpu"));
  if (!measured.step && rate && *rate > 0 && inputs.global_batch && inputs.sequence &&
      inputs.gpus) {
    const double tokens =
        static_cast<double>(*inputs.global_batch) * static_cast<double>(*inputs.sequence);
    measured.step = Seconds::of(tokens / (*rate * static_cast<double>(*inputs.gpus)));
  }
  ASSIGN_OR_RETURN(const auto memory, cells.number("measured_peak_memory_gib"));
  if (memory) measured.peak_memory = *memory * 1_GiB;
  return measured;
}

Status check_columns(const CsvTable& table) {
  std::vector<std::string_view> needed = input_columns();
  needed.emplace_back("id");
  for (const std::string_view name : needed) {
    if (table.column(name)) continue;
    return bad_input(
        fmt::format("{}:1: the column {} is missing; its cells may be empty, but the format of "
                    "catalog/published/README.md has it",
                    table.file, name));
  }
  return Done{};
}

std::vector<std::string> unknown_columns(const CsvTable& table) {
  std::vector<std::string_view> known = input_columns();
  known.insert(known.end(), measured_names.begin(), measured_names.end());
  known.insert(known.end(), other_names.begin(), other_names.end());
  std::vector<std::string> unknown;
  for (const std::string& column : table.columns) {
    if (std::find(known.begin(), known.end(), column) == known.end()) unknown.push_back(column);
  }
  return unknown;
}

}  // namespace

bool RunInputs::has(std::string_view flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

std::optional<int> RunInputs::amount(std::string_view flag) const {
  for (const std::string& word : flags) {
    if (!word.starts_with(flag) || word.size() <= flag.size() + 1 || word[flag.size()] != '=') {
      continue;
    }
    int value = 0;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data() + flag.size() + 1, end, value);
    if (error == std::errc() && stop == end && value >= 0) return value;
  }
  return std::nullopt;
}

Result<PublishedRuns> read_published_runs(const CsvTable& table) {
  RETURN_IF_ERROR(check_columns(table));
  PublishedRuns out{.runs = {}, .ignored = unknown_columns(table)};
  std::set<std::string> ids;
  for (const CsvRow& row : table.rows) {
    const Cells cells(table, row);
    PublishedRun run;
    run.id = cells.text("id");
    run.family = run.id.substr(0, run.id.rfind('-'));
    run.source = cells.text("source");
    run.grade = cells.text("grade");
    run.line = row.line;
    if (run.id.empty()) return cells.wrong("id", "is empty; each row needs a name of its own");
    if (!ids.insert(run.id).second) {
      return cells.wrong("id", fmt::format("\"{}\" stands on an earlier line too", run.id));
    }
    ASSIGN_OR_RETURN(run.inputs, read_inputs(cells));
    ASSIGN_OR_RETURN(run.measured, read_measured(cells, run.inputs));
    out.runs.push_back(std::move(run));
  }
  return out;
}

std::string_view embedded_published_runs() { return spec::embedded_text("published/runs.csv"); }

std::vector<std::string_view> input_columns() {
  std::vector<std::string_view> names;
  for (const TextColumn& column : texts) names.push_back(column.name);
  for (const CountColumn& column : counts) names.push_back(column.name);
  names.push_back(flags_column);
  return names;
}

std::vector<std::string_view> measured_columns() {
  return {measured_names.begin(), measured_names.end()};
}

}  // namespace celere::study
