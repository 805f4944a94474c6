#include "policy/log_lines.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <string_view>

namespace celere::policy {
namespace {

// In the order of policy::Action.
constexpr std::array action_names = {"start",  "regroup", "stop", "stop_saved", "save_now",
                                     "replan", "drain",   "note", "give_up",    "finish"};
static_assert(action_names.size() == std::variant_size_v<decltype(Action::what)>);

// In the order of policy::Event.
constexpr std::array event_names = {
    "node_joined",       "node_gone",   "node_cleared", "worker_exited",
    "generation_ended",  "trained",     "overdue",      "slow",
    "bad_numbers",       "clean_check", "preemption",   "checkpoint_committed",
    "checkpoint_failed", "planned",     "went_on",      "could_not_go_on",
    "stop_asked",        "tick"};
static_assert(event_names.size() == std::variant_size_v<Event>);

constexpr const char* begin_name = "begin";

constexpr std::array sick_names = {"not_finite", "spike", "mismatch"};
constexpr std::array lost_names = {"roll_back", "go_on"};

const char* name_of_how(How how) {
  switch (how) {
    case How::first:
      return "first";
    case How::in_place:
      return "in place";
    case How::elsewhere:
      return "elsewhere";
    case How::spare:
      return "spare";
    case How::resized:
      return "resized";
  }
  CHECK(false);
}

template <typename Numbers>
std::string joined(const Numbers& numbers) {
  return fmt::format("{}", fmt::join(numbers, ","));
}

Error wrong(const wire::Event& line, const char* key) {
  return {ErrorCode::corrupt,
          fmt::format("{} event of {}: {}: is missing or wrong", line.event, line.time, key),
          {}};
}

// ---- fields out ----

class Fields {
 public:
  void add(const char* key, std::int64_t value) { out_.emplace_back(key, value); }
  void add(const char* key, int value) { out_.emplace_back(key, std::int64_t{value}); }
  void add(const char* key, double value) { out_.emplace_back(key, value); }
  void add(const char* key, bool value) { out_.emplace_back(key, value); }
  void add(const char* key, std::string value) { out_.emplace_back(key, std::move(value)); }
  template <typename Number>
  void add(const char* key, const std::optional<Number>& value) {
    if (value) add(key, *value);
  }
  void add(const Shape& shape) {
    add("slots", shape.slots);
    add("replicas", shape.replicas);
    add("replicas_whole", shape.replicas_whole);
    if (!shape.replica_of_slot.empty())
      add("replica_of_slot", joined(shape.replica_of_slot.list()));
  }

  void of(const NodeJoined& it) { add("node", it.node); }
  void of(const NodeGone& it) { add("node", it.node); }
  void of(const NodeCleared& it) { add("node", it.node); }
  void of(const WorkerExited& it) {
    add("generation", it.generation);
    add("node", it.node);
    add("rank", it.rank);
    add("code", it.code);
    add("signal", it.signal);
    if (it.done) add("done", true);
    if (it.stopped) add("stopped", true);
  }
  void of(const GenerationEnded& it) { add("generation", it.generation); }
  void of(const Trained& it) { of_step(it); }
  void of(const Overdue& it) {
    add("generation", it.generation);
    add("absent", joined(it.absent));
  }
  void of(const Slow& it) {
    add("generation", it.generation);
    add("node", it.node);
    add("rank", it.rank);
    add("factor", it.factor);
  }
  void of(const BadNumbers& it) {
    of_step(it);
    add("kind", std::string(sick_names[static_cast<std::size_t>(it.kind)]));
    add("node", it.node);
  }
  void of(const CleanCheck& it) { of_step(it); }
  void of(const Preemption& it) {
    add("node", it.node);
    add("notice_s", it.notice.in_base());
  }
  void of(const CheckpointCommitted& it) { add("step", it.step); }
  void of(const CheckpointFailed& it) { add("step", it.step); }
  void of(const Planned& it) {
    if (it.shape) add(*it.shape);
  }
  void of(const WentOn& it) { of_step(it); }
  void of(const CouldNotGoOn& it) { add("generation", it.generation); }
  void of(const StopAsked&) {}
  void of(const Tick&) {}

  std::vector<wire::EventField> take() { return std::move(out_); }

 private:
  template <typename Event>
  void of_step(const Event& it) {
    add("generation", it.generation);
    add("step", it.step);
  }
  std::vector<wire::EventField> out_;
};

// ---- and in: the first that is missing or wrong is remembered ----

class Reader {
 public:
  explicit Reader(const wire::Event& line) : line_(line) {}

  template <typename Number>
  void get(const char* key, Number& out) {
    const std::optional<std::int64_t> number = number_of(line_, key);
    if (number && std::in_range<Number>(*number)) {
      out = static_cast<Number>(*number);
    } else {
      missing(key);
    }
  }
  void get(const char* key, double& out) {
    const std::optional<double> amount = amount_of(line_, key);
    if (!amount) return missing(key);
    out = *amount;
  }
  void get(const char* key, Seconds& out) {
    double seconds = 0;
    get(key, seconds);
    out = Seconds::of(seconds);
  }
  void get(const char* key, bool& out) {
    const wire::EventValue* value = find_field(line_, key);
    const auto* truth = value != nullptr ? std::get_if<bool>(value) : nullptr;
    if (truth == nullptr) return missing(key);
    out = *truth;
  }
  template <typename Number>
  void get(const char* key, std::optional<Number>& out) {
    if (find_field(line_, key) != nullptr) get(key, out.emplace());
  }
  void get(const char* key, std::vector<int>& out) {
    const wire::EventValue* value = find_field(line_, key);
    const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
    if (text == nullptr) return missing(key);
    if (text->empty()) return;
    const char *at = text->data(), *const end = at + text->size();
    while (true) {
      const auto [next, problem] = std::from_chars(at, end, out.emplace_back());
      if (problem == std::errc() && next == end) return;
      if (problem != std::errc() || *next != ',') return missing(key);
      at = next + 1;
    }
  }
  template <std::size_t size, typename Enum>
  void get(const char* key, const std::array<const char*, size>& names, Enum& out) {
    const std::string name = text_of(line_, key);
    for (std::size_t i = 0; i < size; ++i) {
      if (name != names[i]) continue;
      out = static_cast<Enum>(i);
      return;
    }
    missing(key);
  }
  void get(Shape& out) {
    get("slots", out.slots);
    get("replicas", out.replicas);
    get("replicas_whole", out.replicas_whole);
    if (find_field(line_, "replica_of_slot") != nullptr) {
      std::vector<int> replicas;
      get("replica_of_slot", replicas);
      out.replica_of_slot = std::move(replicas);
    }
  }

  void into(NodeJoined& it) { get("node", it.node); }
  void into(NodeGone& it) { get("node", it.node); }
  void into(NodeCleared& it) { get("node", it.node); }
  void into(WorkerExited& it) {
    get("generation", it.generation);
    get("node", it.node);
    get("rank", it.rank);
    get("code", it.code);
    get("signal", it.signal);
    it.done = is_true(line_, "done");
    it.stopped = is_true(line_, "stopped");
  }
  void into(GenerationEnded& it) { get("generation", it.generation); }
  void into(Trained& it) { into_step(it); }
  void into(Overdue& it) {
    get("generation", it.generation);
    get("absent", it.absent);
  }
  void into(Slow& it) {
    get("generation", it.generation);
    get("node", it.node);
    get("rank", it.rank);
    get("factor", it.factor);
  }
  void into(BadNumbers& it) {
    into_step(it);
    get("kind", sick_names, it.kind);
    get("node", it.node);
  }
  void into(CleanCheck& it) { into_step(it); }
  void into(Preemption& it) {
    get("node", it.node);
    get("notice_s", it.notice);
  }
  void into(CheckpointCommitted& it) { get("step", it.step); }
  void into(CheckpointFailed& it) { get("step", it.step); }
  void into(Planned& it) {
    if (find_field(line_, "slots") != nullptr) get(it.shape.emplace());
  }
  void into(WentOn& it) { into_step(it); }
  void into(CouldNotGoOn& it) { get("generation", it.generation); }
  void into(StopAsked&) {}
  void into(Tick&) {}

  Status status() const { return missing_ == nullptr ? Status(Done{}) : wrong(line_, missing_); }

 private:
  void missing(const char* key) {
    if (missing_ == nullptr) missing_ = key;
  }
  template <typename Event>
  void into_step(Event& it) {
    get("generation", it.generation);
    get("step", it.step);
  }
  const wire::Event& line_;
  const char* missing_ = nullptr;
};

template <std::size_t index = 0>
std::optional<Event> event_named(std::string_view name) {
  if constexpr (index < std::variant_size_v<Event>) {
    if (name == event_names[index]) return Event(std::in_place_index<index>);
    return event_named<index + 1>(name);
  } else {
    return std::nullopt;
  }
}

}  // namespace

std::vector<wire::EventField> told_fields(const Told& told) {
  Fields fields;
  fields.add("what", std::string(told.event ? event_names[told.event->index()] : begin_name));
  fields.add("wall_ns", told.at.nanoseconds);
  if (told.event) std::visit([&](const auto& event) { fields.of(event); }, *told.event);
  return fields.take();
}

Result<Told> read_told(const wire::Event& line) {
  Told out;
  Reader reader(line);
  reader.get("wall_ns", out.at.nanoseconds);
  const std::string what = text_of(line, "what");
  out.event = event_named(what);
  if (!out.event && what != begin_name) return wrong(line, "what");
  if (out.event) std::visit([&](auto& event) { reader.into(event); }, *out.event);
  RETURN_IF_ERROR(reader.status());
  return out;
}

std::vector<wire::EventField> begins_fields(const Begins& begins) {
  // Each by its name, so that a setting that is added and not written does not compile.
  const auto& [on_lost_replica, retries, back_off, back_off_max, node_failures, node_window,
               node_patience, resizes, straggler_factor, skips, restarts, spike_heals,
               saves_failed] = begins.settings;
  Fields fields;
  fields.add("memory_xxh3", begins.memory);
  fields.add(begins.shape);
  fields.add("on_lost_replica", std::string(lost_names[static_cast<std::size_t>(on_lost_replica)]));
  fields.add("retries", retries);
  fields.add("back_off_s", back_off.in_base());
  fields.add("back_off_max_s", back_off_max.in_base());
  fields.add("node_failures", node_failures);
  fields.add("node_window_s", node_window.in_base());
  fields.add("node_patience_s", node_patience.in_base());
  fields.add("resizes", resizes);
  fields.add("straggler_factor", straggler_factor);
  fields.add("skips", skips);
  fields.add("restarts", restarts);
  fields.add("spike_heals_steps", spike_heals);
  fields.add("saves_failed", saves_failed);
  return fields.take();
}

Result<Begins> read_begins(const wire::Event& line) {
  Begins out;
  Settings& settings = out.settings;
  Reader reader(line);
  reader.get("memory_xxh3", out.memory);
  reader.get(out.shape);
  reader.get("on_lost_replica", lost_names, settings.on_lost_replica);
  reader.get("retries", settings.retries);
  reader.get("back_off_s", settings.back_off);
  reader.get("back_off_max_s", settings.back_off_max);
  reader.get("node_failures", settings.node_failures);
  reader.get("node_window_s", settings.node_window);
  reader.get("node_patience_s", settings.node_patience);
  reader.get("resizes", settings.resizes);
  reader.get("straggler_factor", settings.straggler_factor);
  reader.get("skips", settings.skips);
  reader.get("restarts", settings.restarts);
  reader.get("spike_heals_steps", settings.spike_heals);
  reader.get("saves_failed", settings.saves_failed);
  RETURN_IF_ERROR(reader.status());
  return out;
}

const char* name_of(const Action& action) { return action_names[action.what.index()]; }

std::vector<wire::EventField> decision_fields(const Action& action, const Recovery& recovery) {
  Fields fields;
  fields.add("action", std::string(name_of(action)));
  fields.add("generation", recovery.generation());
  fields.add("why", action.why.text());
  if (const auto* start = std::get_if<Start>(&action.what)) {
    fields.add("how", std::string(name_of_how(start->how)));
    fields.add("on_nodes", joined(start->nodes));
    fields.add("replicas", recovery.shape().replicas);
    fields.add("from_step", start->from_step);
    if (!start->skipped.empty()) fields.add("skipped_steps", joined(start->skipped));
  }
  if (const auto* regroup = std::get_if<Regroup>(&action.what)) {
    fields.add("on_nodes", joined(regroup->nodes));
    fields.add("replicas", regroup->replicas);
    fields.add("lost_replica", regroup->lost);
    if (!regroup->joining.empty()) fields.add("joining", joined(regroup->joining));
  }
  if (const auto* drain = std::get_if<Drain>(&action.what)) fields.add("node", drain->node);
  if (const auto* replan = std::get_if<Replan>(&action.what)) {
    fields.add("for_nodes", replan->nodes);
  }
  return fields.take();
}

}  // namespace celere::policy
