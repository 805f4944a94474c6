#include "wire/metrics.hpp"

#include <fmt/format.h>

#include <map>

#include "wire/json_text.hpp"
#include "wire/lines.hpp"

namespace celere::wire {
namespace {

// Each optional field with its key, in the order in which they are written.
template <typename Metrics, typename Visit>
void for_each_field(Metrics& metrics, const Visit& visit) {
  visit("time_s", metrics.time_s);
  visit("tokens", metrics.tokens);
  visit("samples", metrics.samples);
  visit("loss", metrics.loss);
  visit("loss_validation", metrics.loss_validation);
  visit("loss_balance", metrics.loss_balance);
  visit("learning_rate", metrics.learning_rate);
  visit("gradient_norm", metrics.gradient_norm);
  visit("step_time_s", metrics.step_time_s);
  visit("data_time_s", metrics.data_time_s);
  visit("checkpoint_time_s", metrics.checkpoint_time_s);
  visit("tokens_per_s", metrics.tokens_per_s);
  visit("gemm_share", metrics.gemm_share);
  visit("time_left_s", metrics.time_left_s);
  visit("memory_max_bytes", metrics.memory_max_bytes);
}

nlohmann::ordered_json json_of(double value) { return json_number(value); }
nlohmann::ordered_json json_of(std::int64_t value) { return value; }

bool read_into(const nlohmann::json& json, std::optional<double>& value) {
  value = number_of_json(json);
  return value.has_value();
}
bool read_into(const nlohmann::json& json, std::optional<std::int64_t>& value) {
  value = integer_of_json(json);
  return value.has_value();
}

}  // namespace

std::string written_json(const StepMetrics& metrics) {
  nlohmann::ordered_json json;
  json["step"] = metrics.step;
  for_each_field(metrics, [&](const char* key, const auto& value) {
    if (value) json[key] = json_of(*value);
  });
  return json.dump();
}

Result<StepMetrics> parse_metrics(std::string_view line) {
  ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(line, "metrics"));
  const auto step =
      json.is_object() && json.contains("step") ? integer_of_json(json["step"]) : std::nullopt;
  if (!step) return Error{ErrorCode::corrupt, "metrics: step: is missing or no whole number", {}};
  StepMetrics metrics;
  metrics.step = *step;
  std::string wrong;
  for_each_field(metrics, [&](const char* key, auto& value) {
    const auto found = json.find(key);
    if (found != json.end() && !read_into(*found, value)) wrong = key;
  });
  if (!wrong.empty()) {
    return Error{ErrorCode::corrupt, fmt::format("metrics: {}: is no such number", wrong), {}};
  }
  return metrics;
}

Result<MetricsLog> MetricsLog::open(const std::string& path) {
  ASSIGN_OR_RETURN(AppendFile file, AppendFile::lines(path));
  return MetricsLog(std::move(file));
}

Status MetricsLog::append(const StepMetrics& metrics) {
  return file_.append(written_json(metrics) + "\n");
}

Result<std::vector<StepMetrics>> read_metrics(const Files& files, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, files.read(path));
  std::map<std::int64_t, StepMetrics> steps;
  RETURN_IF_ERROR(for_each_line(content, path, [&](std::string_view line) -> Status {
    ASSIGN_OR_RETURN(const StepMetrics metrics, parse_metrics(line));
    steps[metrics.step] = metrics;
    return Done{};
  }));
  std::vector<StepMetrics> out;
  out.reserve(steps.size());
  for (const auto& [step, metrics] : steps) out.push_back(metrics);
  return out;
}

}  // namespace celere::wire
