// The written form: one object, a name a field. What can be left out at its initial value is, so
// that thousands of healthy nodes are two lists of numbers.
#include "policy/memory.hpp"

#include <algorithm>

#include "policy/decision.hpp"
#include "wire/json_text.hpp"

namespace celere::policy {
namespace {

using Json = nlohmann::json;

// One list of the fields serves both ways, so they cannot disagree.
template <typename Visit>
void each_field(Visit&& visit, auto& m) {
  visit("phase", m.phase);
  visit("end", m.end);
  visit("latest", m.latest);
  visit("generation", m.generation);
  visit("present", m.present);
  visit("full", m.full);
  visit("next", m.next);
  visit("origin", m.origin);
  visit("shape", m.shape);
  visit("slots", m.slots);
  visit("plans_asked", m.plans_asked);
  visit("start_at", m.start_at);
  visit("short_since", m.short_since);
  visit("unfit", m.unfit);
  visit("stops_asked", m.stops_asked);
  visit("give_up", m.give_up);
  visit("started", m.started);
  visit("best", m.best);
  visit("fruitless", m.fruitless);
  visit("restarts", m.restarts);
  visit("commits", m.commits);
  visit("distrusted", m.distrusted);
  visit("rolling_back", m.rolling_back);
  visit("clean", m.clean);
  visit("skipped", m.skipped);
  visit("bad_step", m.bad_step);
  visit("spike_step", m.spike_step);
  visit("saves_failed", m.saves_failed);
}

template <typename Visit>
void each_generation_field(Visit&& visit, auto& g) {
  visit("how", g.how);
  visit("from_step", g.from_step);
  visit("regrouped", g.regrouped);
  visit("stepped", g.stepped);
  visit("progressed", g.progressed);
  visit("done", g.done);
  visit("failed", g.failed);
  visit("save_asked", g.save_asked);
  visit("killed", g.killed);
  visit("suspect", g.suspect);
  visit("regroup", g.regroup);
}

// ---- writing ----

template <typename T>
Json json_of(const T& value);

struct Writer {
  Json& json;
  template <typename T>
  void operator()(const char* name, const T& value) const {
    json[name] = json_of(value);
  }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) const {
    if (value) json[name] = json_of(*value);
  }
};

template <typename T>
Json json_of(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return static_cast<int>(value);
  } else if constexpr (std::is_same_v<T, Instant>) {
    return value.nanoseconds;
  } else if constexpr (std::is_same_v<T, NodeList>) {
    return value.list();
  } else if constexpr (std::is_same_v<T, Shape>) {
    return {{"slots", value.slots},
            {"replicas", value.replicas},
            {"replica_of_slot", value.replica_of_slot.list()},
            {"replicas_whole", value.replicas_whole}};
  } else if constexpr (std::is_same_v<T, Plan>) {
    return {{"shape", json_of(value.shape)}, {"nodes", value.nodes}};
  } else if constexpr (std::is_same_v<T, Regroup>) {
    Json out = {{"generation", value.generation},
                {"nodes", value.nodes.list()},
                {"replicas", value.replicas},
                {"joining", value.joining}};
    if (value.lost) out["lost"] = *value.lost;
    return out;
  } else if constexpr (std::is_same_v<T, GenerationMemory>) {
    Json out = Json::object();
    each_generation_field(Writer{out}, value);
    return out;
  } else {
    return value;
  }
}

// The nodes of each mark; times are of a node.
Json json_of_nodes(const NodeTable<NodeMemory>& nodes) {
  Json out = {{"known", Json::array()},   {"present", Json::array()}, {"drained", Json::array()},
              {"slow", Json::array()},    {"used", Json::array()},    {"leaves", Json::array()},
              {"failures", Json::array()}};
  nodes.each([&](Node number, const NodeMemory& node) {
    out["known"].push_back(number);
    if (node.present) out["present"].push_back(number);
    if (node.drained) out["drained"].push_back(number);
    if (node.slow) out["slow"].push_back(number);
    if (node.used) out["used"].push_back(number);
    if (node.leaves) out["leaves"].push_back({number, node.leaves->nanoseconds});
    for (const Instant at : node.failures) out["failures"].push_back({number, at.nanoseconds});
  });
  return out;
}

// ---- reading: nlohmann throws on what has another type, and read_memory() catches ----

template <typename T>
void read(const Json& json, T& value);

struct Reader {
  const Json& json;
  template <typename T>
  void operator()(const char* name, T& value) const {
    read(json.at(name), value);
  }
  template <typename T>
  void operator()(const char* name, std::optional<T>& value) const {
    value.reset();
    if (json.contains(name)) read(json.at(name), value.emplace());
  }
};

template <typename T>
T integer(const Json& json) {
  const auto value = wire::integer_of_json(json);
  if (!value || !std::in_range<T>(*value))
    throw Json::other_error::create(501, "no integer", &json);
  return static_cast<T>(*value);
}

template <typename T>
void read(const Json& json, T& value) {
  if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(integer<std::uint8_t>(json));
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>) {
    value = json.get<T>();
  } else if constexpr (std::is_integral_v<T>) {
    value = integer<T>(json);
  } else if constexpr (std::is_same_v<T, Instant>) {
    value.nanoseconds = integer<std::int64_t>(json);
  } else if constexpr (std::is_same_v<T, NodeList>) {
    std::vector<Node> nodes;
    read(json, nodes);
    value = std::move(nodes);
  } else if constexpr (std::is_same_v<T, Shape>) {
    read(json.at("slots"), value.slots);
    read(json.at("replicas"), value.replicas);
    std::vector<int> replicas;
    read(json.at("replica_of_slot"), replicas);
    value.replica_of_slot = std::move(replicas);
    read(json.at("replicas_whole"), value.replicas_whole);
  } else if constexpr (std::is_same_v<T, Plan>) {
    read(json.at("shape"), value.shape);
    read(json.at("nodes"), value.nodes);
  } else if constexpr (std::is_same_v<T, Regroup>) {
    read(json.at("generation"), value.generation);
    read(json.at("nodes"), value.nodes);
    read(json.at("replicas"), value.replicas);
    read(json.at("joining"), value.joining);
    Reader{json}("lost", value.lost);
  } else if constexpr (std::is_same_v<T, GenerationMemory>) {
    each_generation_field(Reader{json}, value);
  } else {  // a list
    value.clear();
    json.get_ref<const Json::array_t&>();
    for (const Json& item : json) {
      typename T::value_type one{};
      read(item, one);
      value.push_back(one);
    }
  }
}

void read_nodes(const Json& json, NodeTable<NodeMemory>& nodes) {
  const auto each = [&](const char* name, auto mark) {
    std::vector<Node> numbers;
    read(json.at(name), numbers);
    for (const Node number : numbers) mark(nodes[number]);
  };
  each("known", [](NodeMemory&) {});
  each("present", [](NodeMemory& node) { node.present = true; });
  each("drained", [](NodeMemory& node) { node.drained = true; });
  each("slow", [](NodeMemory& node) { node.slow = true; });
  each("used", [](NodeMemory& node) { node.used = true; });
  const auto each_time = [&](const char* name, auto mark) {
    for (const Json& pair : json.at(name)) {
      Node number = 0;
      Instant at;
      read(pair.at(0), number);
      read(pair.at(1), at);
      mark(nodes[number], at);
    }
  };
  each_time("leaves", [](NodeMemory& node, Instant at) { node.leaves = at; });
  each_time("failures", [](NodeMemory& node, Instant at) { node.failures.push_back(at); });
}

// What the decisions take for granted.
bool is_sound(const Memory& m) {
  const bool in_slots =
      m.phase == Phase::training || m.phase == Phase::regrouping || m.phase == Phase::stopping;
  const bool known = std::ranges::all_of(m.slots, [&](Node n) { return m.nodes.contains(n); });
  return m.phase <= Phase::over && m.end <= End::gave_up && m.present.how <= How::resized &&
         (m.phase == Phase::over) == (m.end != End::none) && known && is_valid(m.full.shape) &&
         is_valid(m.next.shape) && is_valid(m.origin.shape) && is_valid(m.shape) &&
         (!in_slots || std::ssize(m.slots) == m.shape.slots) &&
         (m.phase != Phase::regrouping || m.present.regroup) &&
         (m.phase != Phase::planning || !m.plans_asked.empty()) &&
         std::ranges::is_sorted(m.commits) && std::ranges::is_sorted(m.skipped);
}

}  // namespace

std::string written(const Memory& memory) {
  Json json = Json::object();
  each_field(Writer{json}, memory);
  json["nodes"] = json_of_nodes(memory.nodes);
  return json.dump();
}

Result<Memory> read_memory(std::string_view text) {
  const std::string name = "state of the recovery";
  ASSIGN_OR_RETURN(const Json json, wire::parse_json(text, name));
  Memory memory;
  try {
    each_field(Reader{json}, memory);
    read_nodes(json.at("nodes"), memory.nodes);
  } catch (const Json::exception& wrong) {
    return Error{ErrorCode::corrupt, fmt::format("{}: {}", name, wrong.what()), {}};
  }
  if (!is_sound(memory)) {
    return Error{ErrorCode::corrupt, name + ": its parts do not go together", {}};
  }
  return memory;
}

}  // namespace celere::policy
