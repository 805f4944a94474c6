#include "report/status.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.hpp"

namespace celere::report {
namespace {

constexpr std::size_t events_shown = 8;

// A worker's own end is one of the training where no supervisor starts it anew.
std::optional<TrainingEnd> end_of(const std::vector<wire::Event>& events) {
  const bool supervised = std::any_of(events.begin(), events.end(), [](const wire::Event& event) {
    return event.event == "supervisor_started";
  });
  constexpr std::array worker_ends = {"done", "stopped", "not_finite"};
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    const std::string& name = event->event;
    if (name == "started" || name == "supervisor_started") return std::nullopt;
    if (name == "finished") return TrainingEnd{event->time, text_of(*event, "how"), ""};
    if (name == "gave_up") return TrainingEnd{event->time, name, text_of(*event, "why")};
    if (!supervised && std::find(worker_ends.begin(), worker_ends.end(), name) != worker_ends.end())
      return TrainingEnd{event->time, name, text_of(*event, "message")};
  }
  return std::nullopt;
}

std::int64_t total_steps_of(const std::vector<wire::Event>& events) {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->event != "started") continue;
    if (const auto steps = number_of(*event, "total_steps")) return *steps;
  }
  return 0;
}

// The value, or nothing where the file is not there yet.
template <typename T>
Result<std::optional<T>> if_there(Result<T> read) {
  if (read.ok()) return std::optional<T>(*std::move(read));
  if (read.error().code == ErrorCode::not_found) return std::optional<T>();
  return std::move(read).error();
}

nlohmann::ordered_json parsed(const std::string& line) {
  return nlohmann::ordered_json::parse(line, nullptr, false);
}

}  // namespace

const char* name_of(TrainingState state) {
  switch (state) {
    case TrainingState::running:
      return "running";
    case TrainingState::left:
      return "left";
    case TrainingState::ended:
      return "ended";
    case TrainingState::unsupervised:
      return "unsupervised";
    case TrainingState::fresh:
      return "fresh";
  }
  CHECK(false);
}

Result<TrainingStatus> read_status(const Files& files, const wire::RunDirectory& directory,
                                   Instant now) {
  TrainingStatus out;
  out.folder = directory.folder;
  ASSIGN_OR_RETURN(out.status, if_there(wire::read_run_status(files, directory.status())));
  // One who writes now, on a machine whose clock is ahead, is not gone.
  const double now_s = static_cast<double>(now.nanoseconds) * 1e-9;
  const bool lives = out.status && out.status->phase != "over" &&
                     now_s - out.status->written_unix_s <= status_age_max.in_base();
  if (lives) {
    out.state = TrainingState::running;
    out.total_steps = out.status->total_steps;
    out.events = out.status->last_events;
    return out;
  }
  ASSIGN_OR_RETURN(auto events, if_there(wire::read_events(files, directory.events())));
  if (out.status) out.events = out.status->last_events;
  if (events) {
    out.end = end_of(*events);
    out.total_steps = total_steps_of(*events);
    std::erase_if(*events, wire::is_for_replay);
    const std::size_t shown = std::min(events->size(), events_shown);
    out.events.assign(events->end() - static_cast<std::ptrdiff_t>(shown), events->end());
  }
  ASSIGN_OR_RETURN(auto steps, if_there(wire::read_metrics(files, directory.metrics())));
  if (steps && !steps->empty()) out.step = steps->back();
  out.state = out.end                           ? TrainingState::ended
              : out.status                      ? TrainingState::left
              : out.events.empty() && !out.step ? TrainingState::fresh
                                                : TrainingState::unsupervised;
  return out;
}

std::string status_json(const TrainingStatus& status) {
  nlohmann::ordered_json json;
  json["run_directory"] = status.folder;
  json["state"] = name_of(status.state);
  json["ended"] = nullptr;
  if (status.end) {
    json["ended"] = {
        {"time", status.end->time}, {"how", status.end->how}, {"why", status.end->why}};
  }
  json["total_steps"] = status.total_steps;
  json["last_step"] = nullptr;
  if (status.step) json["last_step"] = parsed(wire::written_json(*status.step));
  json["status"] = nullptr;
  if (status.status) json["status"] = parsed(wire::written_json(*status.status));
  json["last_events"] = nlohmann::ordered_json::array();
  for (const wire::Event& event : status.events) {
    json["last_events"].push_back(parsed(wire::written_json(event)));
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace celere::report
