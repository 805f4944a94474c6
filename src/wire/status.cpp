#include "wire/status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "wire/json_text.hpp"

namespace celere::wire {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array node_states = {"training", "spare", "gone", "drained"};

// What each holds, once for both ways: `visit` is a Writer or a Reader.
template <typename Visit>
void fields(Visit& visit, NodeStatus& it) {
  visit("node", it.node);
  visit("host", it.host);
  visit("state", it.state);
  visit("failures", it.failures);
  visit("heartbeat_age_s", it.heartbeat_age_s);
}
template <typename Visit>
void fields(Visit& visit, InCollective& it) {
  visit("group", it.group);
  visit("op", it.kind);
  visit("in_group", it.in_group);
  visit("bytes", it.bytes);
  visit("time_s", it.time_s);
}
template <typename Visit>
void fields(Visit& visit, RankStatus& it) {
  visit("rank", it.rank);
  visit("node", it.node);
  visit("process", it.process);
  visit("step", it.step);
  visit("phase", it.phase);
  visit("phase_time_s", it.phase_time_s);
  visit("collective", it.collective);
  visit("compute_time_s", it.compute_time_s);
  visit("slow_factor", it.slow_factor);
}
template <typename Visit>
void fields(Visit& visit, RunStatus& it) {
  visit("written_unix_s", it.written_unix_s);
  visit("process", it.process);
  visit("epoch", it.epoch);
  visit("phase", it.phase);
  visit("generation", it.generation);
  visit("layout", it.layout);
  visit("step", it.step);
  visit("total_steps", it.total_steps);
  visit("committed_step", it.committed_step);
  visit("committed_age_s", it.committed_age_s);
  visit("loss", it.loss);
  visit("tokens_per_s", it.tokens_per_s);
  visit("time_left_s", it.time_left_s);
  visit("restarts", it.restarts);
  visit("lost_steps", it.lost_steps);
  visit("node_count", it.node_count);
  visit("rank_count", it.rank_count);
  visit("nodes", it.nodes);
  visit("ranks", it.ranks);
  visit("last_events", it.last_events);
}

class Writer {
 public:
  template <typename Value>
  void operator()(const char* key, Value& value) {
    json_[key] = json_of(value);
  }
  Json take() { return std::move(json_); }

 private:
  static Json json_of(std::int64_t value) { return value; }
  static Json json_of(double value) { return Json(json_number(value)); }
  static Json json_of(std::string& value) { return value; }
  static Json json_of(Event& value) { return Json::parse(written_json(value), nullptr, false); }
  template <typename Value>
  static Json json_of(std::optional<Value>& value) {
    return value ? json_of(*value) : Json();
  }
  template <typename Value>
  static Json json_of(std::vector<Value>& values) {
    Json list = Json::array();
    for (Value& value : values) list.push_back(json_of(value));
    return list;
  }
  template <typename Struct>
  static Json json_of(Struct& value) {
    Writer inner;
    fields(inner, value);
    return inner.take();
  }

  Json json_ = Json::object();
};

// Keeps the first mistake.
class Reader {
 public:
  Reader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  template <typename Value>
  void operator()(const char* key, Value& value) {
    if (mistake_) return;
    ++asked_;
    const auto found = json_.is_object() ? json_.find(key) : json_.end();
    if (found == json_.end()) return wrong(key, "is missing");
    take(*found, path_ + key, value);
  }

  std::optional<std::string> mistake() const {
    if (!mistake_ && json_.size() != asked_) {
      return fmt::format("{}has {} keys, and there are {}", path_.empty() ? "" : path_ + " ",
                         json_.size(), asked_);
    }
    return mistake_;
  }

 private:
  void wrong(const std::string& key, const std::string& what) {
    if (!mistake_) mistake_ = fmt::format("{}{}: {}", path_, key, what);
  }
  void say(const std::string& full, const char* what) {
    if (!mistake_) mistake_ = fmt::format("{}: {}", full, what);
  }

  void take(const Json& json, const std::string& at, std::int64_t& out) {
    const auto whole = integer_of_json(json);
    if (!whole || *whole < 0) return say(at, "is no whole number from 0");
    out = *whole;
  }
  void take(const Json& json, const std::string& at, double& out) {
    const auto number = number_of_json(json);
    if (!number) return say(at, "is no number");
    out = *number;
  }
  void take(const Json& json, const std::string& at, std::string& out) {
    if (!json.is_string()) return say(at, "is no text");
    out = json.get<std::string>();
  }
  void take(const Json& json, const std::string& at, Event& out) {
    Result<Event> event = parse_event(json.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!event.ok()) return say(at, event.error().message.c_str());
    out = *std::move(event);
  }
  template <typename Value>
  void take(const Json& json, const std::string& at, std::optional<Value>& out) {
    if (!json.is_null()) take(json, at, out.emplace());
  }
  template <typename Value>
  void take(const Json& json, const std::string& at, std::vector<Value>& out) {
    if (!json.is_array()) return say(at, "is no list");
    for (const Json& one : json) {
      const std::string place = fmt::format("{}[{}]", at, out.size());
      take(one, place, out.emplace_back());
    }
  }
  template <typename Struct>
  void take(const Json& json, const std::string& at, Struct& out) {
    if (!json.is_object()) return say(at, "is no object");
    Reader inner(json, at + ".");
    fields(inner, out);
    if (const auto problem = inner.mistake(); problem && !mistake_) mistake_ = problem;
  }

  const Json& json_;
  std::string path_;
  std::size_t asked_ = 0;
  std::optional<std::string> mistake_;
};

Error corrupt(const std::string& what) { return {ErrorCode::corrupt, "status: " + what, {}}; }

bool is_time(double value) { return std::isfinite(value) && value >= 0; }

}  // namespace

std::string written_json(const RunStatus& status) {
  Writer writer;
  RunStatus copy = status;
  fields(writer, copy);
  return writer.take().dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RunStatus> parse_status(std::string_view text) {
  ASSIGN_OR_RETURN(const nlohmann::json checked, parse_json(text, "status"));
  if (!checked.is_object()) return corrupt("is no object");
  // In the order of the text, which an event keeps.
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  RunStatus status;
  Reader reader(json, "");
  fields(reader, status);
  if (const auto mistake = reader.mistake()) return corrupt(*mistake);
  constexpr double unix_s_most = 9e9;  // nanoseconds of it fit a count
  if (!is_time(status.written_unix_s) || status.written_unix_s > unix_s_most) {
    return corrupt("written_unix_s: is no time");
  }
  for (const NodeStatus& node : status.nodes) {
    if (std::find(node_states.begin(), node_states.end(), node.state) == node_states.end()) {
      return corrupt(fmt::format("nodes: state \"{}\" is none of {}", node.state,
                                 fmt::join(node_states, ", ")));
    }
  }
  return status;
}

Result<RunStatus> read_run_status(const Files& files, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, files.read(path));
  Result<RunStatus> status = parse_status(content);
  if (status.ok()) return status;
  Error error = std::move(status).error();
  error.message = fmt::format("{}: {}", path, error.message);
  return error;
}

}  // namespace celere::wire
