#include "report/training_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantile.hpp"
#include "base/written_units.hpp"
#include "report/recovery_lines.hpp"
#include "report/training_json.hpp"
#include "spec/run.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;

template <typename T>
Result<T> or_empty(Result<T> read) {
  if (!read.ok() && read.error().code == ErrorCode::not_found) return T{};
  return read;
}

std::vector<double> step_times(const Training& training) {
  std::vector<double> out;
  for (const wire::StepMetrics& step : training.steps) {
    if (step.step_time_s && std::isfinite(*step.step_time_s)) out.push_back(*step.step_time_s);
  }
  return out;
}

// The last that was measured.
template <typename T>
std::optional<T> last_of(const Training& training, std::optional<T> wire::StepMetrics::* value) {
  for (auto step = training.steps.rbegin(); step != training.steps.rend(); ++step) {
    if ((*step).*value) return (*step).*value;
  }
  return std::nullopt;
}

Json failures_json(const Training& training) {
  Json json = Json::array();
  for (const wire::Event& event : training.events) {
    std::string line = recovery_line(event);
    if (line.empty()) continue;
    while (line.ends_with('\n')) line.pop_back();
    json.push_back({{"time", event.time},
                    {"event", event.event},
                    {"step", or_null(number_of(event, "step"))},
                    {"text", line}});
  }
  return json;
}

struct Recoveries {
  int count = 0;
  double time = 0;
  std::int64_t steps_again = 0;
};
Recoveries recoveries_of(const Training& training) {
  Recoveries out;
  for (const wire::Event& event : training.events) {
    if (event.event != "recovered") continue;
    ++out.count;
    out.time += amount_of(event, "time_s").value_or(0);
    out.steps_again += number_of(event, "steps_again").value_or(0);
  }
  return out;
}

void add_step_times(Json& json, const Training& training) {
  const std::vector<double> times = step_times(training);
  const auto at = [&](double share) {
    return times.empty() ? Json(nullptr) : Json(quantile(times, share));
  };
  json["step_time_p5_s"] = at(0.05);
  json["step_time_p50_s"] = at(0.5);
  json["step_time_p95_s"] = at(0.95);
  const std::optional<Interval<Seconds>>& predicted = training.predicted.time;
  const auto end = [&](Seconds Interval<Seconds>::* value) {
    return predicted ? Json(((*predicted).*value).in_base()) : Json(nullptr);
  };
  json["step_time_predicted_s"] = end(&Interval<Seconds>::value);
  json["step_time_predicted_low_s"] = end(&Interval<Seconds>::low);
  json["step_time_predicted_high_s"] = end(&Interval<Seconds>::high);
  json["measured_over_predicted"] = predicted && !times.empty()
                                        ? Json(quantile(times, 0.5) / predicted->value.in_base())
                                        : Json(nullptr);
  json["predicted_from"] = training.predicted.from;
}

}  // namespace

std::string Training::layout() const {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->event == "started") return text_of(*event, "layout");
  }
  return {};
}

Result<Training> read_training(const Files& files, const wire::RunDirectory& directory,
                               Instant now) {
  Training out;
  ASSIGN_OR_RETURN(const std::string text, files.read(directory.run_file()));
  ASSIGN_OR_RETURN(const spec::Run run, spec::parse_run(text, directory.run_file()));
  out.name = run.name;
  ASSIGN_OR_RETURN(out.status, read_status(files, directory, now));
  ASSIGN_OR_RETURN(out.steps, or_empty(wire::read_metrics(files, directory.metrics())));
  ASSIGN_OR_RETURN(out.events, or_empty(wire::read_events(files, directory.events())));
  return out;
}

std::string training_headline(const Training& training) {
  if (training.steps.empty()) return "Nothing was trained yet.";
  const TrainingStatus& status = training.status;
  const std::int64_t step = training.steps.back().step;
  std::string how = status.state == TrainingState::running ? "At" : "Came to";
  if (status.end && status.end->how == "done") how = "Done after";
  if (status.end && status.end->how == "stopped") how = "Stopped after";
  if (status.end && status.end->how == "gave_up") how = "Given up after";
  const std::string number = written_count(static_cast<double>(step));
  std::string text = how.ends_with("after") ? fmt::format("{} {} steps", how, number)
                                            : fmt::format("{} step {}", how, number);
  if (status.total_steps > step) {
    text += " of " + written_count(static_cast<double>(status.total_steps));
  }
  const auto loss = last_of(training, &wire::StepMetrics::loss_validation);
  if (loss) text += fmt::format(", with a validation loss of {:.3f}", *loss);
  const std::vector<double> times = step_times(training);
  if (!times.empty()) {
    const Seconds median = Seconds::of(quantile(times, 0.5));
    text += "; a step took " + written(median);
    if (training.predicted.time) {
      const Seconds predicted = training.predicted.time->value;
      text += fmt::format(", {} were predicted", written(predicted));
    }
  }
  const Recoveries recoveries = recoveries_of(training);
  if (recoveries.count > 0) {
    text += fmt::format("; {} failure{} survived", recoveries.count,
                        recoveries.count == 1 ? " was" : "s were");
  }
  return text + ".";
}

OrderedJson training_object(const Training& training) {
  const TrainingStatus& status = training.status;
  const Recoveries recoveries = recoveries_of(training);
  Json json = {{"answer", training_headline(training)},
               {"run", training.name},
               {"run_directory", status.folder},
               {"state", name_of(status.state)},
               {"ended", nullptr},
               {"layout", training.layout()},
               {"total_steps", status.total_steps},
               {"last_step", training.steps.empty() ? Json(0) : Json(training.steps.back().step)}};
  if (status.end) {
    json["ended"] = {
        {"time", status.end->time}, {"how", status.end->how}, {"why", status.end->why}};
  }
  json["time_s"] = or_null(last_of(training, &wire::StepMetrics::time_s));
  json["tokens"] = or_null(last_of(training, &wire::StepMetrics::tokens));
  json["loss"] = or_null(last_of(training, &wire::StepMetrics::loss));
  json["loss_validation"] = or_null(last_of(training, &wire::StepMetrics::loss_validation));
  json["tokens_per_s"] = or_null(last_of(training, &wire::StepMetrics::tokens_per_s));
  json["gemm_share"] = or_null(last_of(training, &wire::StepMetrics::gemm_share));
  json["memory_max_bytes"] = or_null(last_of(training, &wire::StepMetrics::memory_max_bytes));
  add_step_times(json, training);
  json["recoveries"] = recoveries.count;
  json["recovery_time_s"] = recoveries.time;
  json["steps_again"] = recoveries.steps_again;
  json["failures"] = failures_json(training);
  return json;
}

std::string training_json(const Training& training) {
  Json json = training_object(training);
  json["steps"] = Json::array();
  for (const wire::StepMetrics& step : training.steps) {
    json["steps"].push_back(Json::parse(wire::written_json(step), nullptr, false));
  }
  return dumped(json, 2) + "\n";
}

}  // namespace celere::report
