#include "wire/agent_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "wire/beat_text.hpp"
#include "wire/json_text.hpp"

namespace celere::wire {
namespace {

using Json = nlohmann::json;

// In the order of AgentMessage.
constexpr std::array kinds = {"hello", "beat",    "said",    "ended",  "cleared",
                              "seen",  "leaving", "welcome", "start",  "halt",
                              "tell",  "rename",  "look",    "signal", "leave"};
static_assert(kinds.size() == std::variant_size_v<AgentMessage>);

// What a kind holds, once for both ways: `visit` is a Writer or a Reader.
template <typename Visit>
void fields(Visit& visit, AgentHello& it) {
  visit("node", it.node);
  visit("host", it.host);
  visit("address", it.address);
  visit("epoch", it.epoch);
  visit("generation", it.generation);
  visit("ranks", it.ranks);
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
void fields(Visit& visit, StepTime& it) {
  visit("step", it.step);
  visit("compute_time_s", it.compute_time_s);
  visit("whole_time_s", it.whole_time_s);
}
template <typename Visit>
void fields(Visit& visit, RankBeat& it) {
  visit("rank", it.rank);
  visit("process", it.process);
  visit("step", it.step);
  visit("phase", it.phase);
  visit("phase_time_s", it.phase_time_s);
  visit("collective", it.collective);
  visit("steps", it.steps);
}
template <typename Visit>
void fields(Visit& visit, AgentBeat& it) {
  visit("generation", it.generation);
  visit("ranks", it.ranks);
}
template <typename Visit>
void fields(Visit& visit, WorkerSaid& it) {
  visit("generation", it.generation);
  visit("rank", it.rank);
  visit("line", it.line);
}
template <typename Visit>
void fields(Visit& visit, WorkerEnded& it) {
  visit("generation", it.generation);
  visit("rank", it.rank);
  visit("code", it.code);
  visit("signal", it.signal);
  visit("errors", it.errors);
}
template <typename Visit>
void fields(Visit& visit, WorkersCleared& it) {
  visit("generation", it.generation);
}
template <typename Visit>
void fields(Visit& visit, RankSeen& it) {
  visit("generation", it.generation);
  visit("rank", it.rank);
  visit("process", it.process);
  visit("step", it.step);
  visit("state", it.state);
  visit("phase", it.phase);
  visit("collective", it.collective);
  visit("stack", it.stack);
}
template <typename Visit>
void fields(Visit& visit, AgentLeaving& it) {
  visit("notice_s", it.notice_s);
}
template <typename Visit>
void fields(Visit& visit, AgentWelcome& it) {
  visit("epoch", it.epoch);
}
template <typename Visit>
void fields(Visit& visit, StartWorkers& it) {
  visit("generation", it.generation);
  visit("ranks", it.ranks);
  visit("threads", it.threads);
  visit("arguments", it.arguments);
  visit("memory", it.memory);
}
template <typename Visit>
void fields(Visit& visit, HaltWorkers& it) {
  visit("generation", it.generation);
  visit("saved", it.saved);
}
template <typename Visit>
void fields(Visit& visit, TellWorkers& it) {
  visit("generation", it.generation);
  visit("ranks", it.ranks);
  visit("order", it.order);
}
template <typename Visit>
void fields(Visit& visit, RenameWorkers& it) {
  visit("from", it.from);
  visit("to", it.to);
  visit("ranks_from", it.ranks_from);
  visit("ranks_to", it.ranks_to);
}
template <typename Visit>
void fields(Visit& visit, AgentLook& it) {
  visit("generation", it.generation);
}
template <typename Visit>
void fields(Visit& visit, SignalWorker& it) {
  visit("generation", it.generation);
  visit("rank", it.rank);
  visit("signal", it.signal);
}
template <typename Visit>
void fields(Visit& /*visit*/, AgentLeave& /*it*/) {}

template <typename T>
Json json_of(T& value);

class Writer {
 public:
  explicit Writer(Json& json) : json_(json) {}
  template <typename T>
  void operator()(const char* key, T& value) {
    json_[key] = json_of(value);
  }
  template <typename T>
  void operator()(const char* key, std::optional<T>& value) {
    if (value) json_[key] = json_of(*value);
  }

 private:
  Json& json_;
};

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
Json json_of(T& value) {
  if constexpr (std::is_same_v<T, double>) {
    return json_number(value);
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (IsVector<T>::value) {
    Json out = Json::array();
    for (auto& one : value) out.push_back(json_of(one));
    return out;
  } else {
    Json out = Json::object();
    Writer writer(out);
    fields(writer, value);
    return out;
  }
}

// Takes the keys of an object one by one; what is wrong first stays.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {
    if (!json.is_object()) wrong_ = "is no object";
  }
  template <typename T>
  void operator()(const char* key, T& value) {
    const Json* found = find(key);
    if (found == nullptr) {
      complain(key, "is missing");
    } else if (!take(*found, value)) {
      complain(key, "is not what it should be");
    }
  }
  template <typename T>
  void operator()(const char* key, std::optional<T>& value) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (!take(*found, value.emplace())) complain(key, "is not what it should be");
  }
  std::string wrong() {
    if (wrong_.empty() && seen_ != json_.size()) wrong_ = "has a key that is not known";
    return wrong_;
  }
  void skip() { ++seen_; }

 private:
  const Json* find(const char* key) {
    if (!wrong_.empty()) return nullptr;
    const auto found = json_.find(key);
    if (found == json_.end()) return nullptr;
    ++seen_;
    return &*found;
  }
  void complain(const char* key, const char* what) {
    if (wrong_.empty()) wrong_ = fmt::format("{}: {}", key, what);
  }
  static bool take(const Json& json, std::int64_t& value) {
    const std::optional<std::int64_t> number = integer_of_json(json);
    value = number.value_or(0);
    return number.has_value();
  }
  static bool take(const Json& json, double& value) {
    const std::optional<double> number = number_of_json(json);
    value = number.value_or(0);
    return number.has_value();
  }
  static bool take(const Json& json, bool& value) {
    if (json.is_boolean()) value = json.get<bool>();
    return json.is_boolean();
  }
  static bool take(const Json& json, std::string& value) {
    if (json.is_string()) value = json.get<std::string>();
    return json.is_string();
  }
  template <typename T>
  static bool take(const Json& json, std::vector<T>& values) {
    if (!json.is_array()) return false;
    for (const Json& one : json) {
      if (!take(one, values.emplace_back())) return false;
    }
    return true;
  }
  template <typename T>
  static bool take(const Json& json, T& value) {
    Reader reader(json);
    fields(reader, value);
    return reader.wrong().empty();
  }

  const Json& json_;
  std::size_t seen_ = 0;
  std::string wrong_;
};

template <std::size_t I = 0>
AgentMessage message_of_kind(std::size_t kind) {
  if constexpr (I + 1 < std::variant_size_v<AgentMessage>) {
    if (kind != I) return message_of_kind<I + 1>(kind);
  }
  return AgentMessage(std::in_place_index<I>);
}

Error corrupt(const std::string& what) { return {ErrorCode::corrupt, "message: " + what, {}}; }

}  // namespace

std::string written_json(const AgentMessage& message) {
  if (const auto* beat = std::get_if<AgentBeat>(&message)) {
    if (std::optional<std::string> text = beat_text(*beat)) return *std::move(text);
  }
  AgentMessage copy = message;
  Json json = std::visit([](auto& it) { return json_of(it); }, copy);
  json["kind"] = kinds[message.index()];
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<AgentMessage> parse_agent_message(std::string_view text) {
  if (std::optional<AgentBeat> beat = read_beat_text(text)) return AgentMessage(*std::move(beat));
  ASSIGN_OR_RETURN(const Json json, parse_json(text, "message"));
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string()) {
    return corrupt("kind: is missing");
  }
  const auto* const found = std::find(kinds.begin(), kinds.end(), json["kind"].get<std::string>());
  if (found == kinds.end()) return corrupt("kind: is not known");
  AgentMessage message = message_of_kind(static_cast<std::size_t>(found - kinds.begin()));
  Reader reader(json);
  reader.skip();  // the kind
  std::visit([&](auto& it) { fields(reader, it); }, message);
  if (const std::string wrong = reader.wrong(); !wrong.empty()) return corrupt(wrong);
  if (const auto* ended = std::get_if<WorkerEnded>(&message);
      ended != nullptr && ended->code.has_value() == ended->signal.has_value()) {
    return corrupt("code: one of code and signal is needed");
  }
  return message;
}

}  // namespace celere::wire
