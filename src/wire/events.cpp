#include "wire/events.hpp"

#include <fmt/format.h>

#include <charconv>

#include "wire/json_text.hpp"
#include "wire/lines.hpp"

namespace celere::wire {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(double value) { return json_number(value); }
template <typename Value>
Json json_of(const Value& value) {
  return value;
}

Error wrong(const std::string& what) { return {ErrorCode::corrupt, "event: " + what, {}}; }

// In the order of the line, which nlohmann's plain objects do not keep.
Result<std::vector<EventField>> fields_of(const Json& json) {
  std::vector<EventField> fields;
  for (const auto& [key, value] : json.items()) {
    if (key == "time" || key == "event") continue;
    if (const auto whole = integer_of_json(value)) {
      fields.emplace_back(key, *whole);
    } else if (value.is_number()) {
      fields.emplace_back(key, value.get<double>());
    } else if (value.is_boolean()) {
      fields.emplace_back(key, value.get<bool>());
    } else if (value.is_string()) {
      fields.emplace_back(key, value.get<std::string>());
    } else {
      return wrong(fmt::format("{}: is neither a number nor a text", key));
    }
  }
  return fields;
}

}  // namespace

const EventValue* find_field(const Event& event, std::string_view key) {
  for (const auto& [name, value] : event.fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string text_of(const Event& event, std::string_view key) {
  const EventValue* value = find_field(event, key);
  const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return text != nullptr ? *text : "";
}

std::optional<std::int64_t> number_of(const Event& event, std::string_view key) {
  const EventValue* value = find_field(event, key);
  const auto* number = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

std::optional<double> amount_of(const Event& event, std::string_view key) {
  const EventValue* value = find_field(event, key);
  const auto* amount = value != nullptr ? std::get_if<double>(value) : nullptr;
  if (amount != nullptr) return *amount;
  return number_of(event, key);  // 3 stands for 3.0 too
}

bool is_true(const Event& event, std::string_view key) {
  const EventValue* value = find_field(event, key);
  const auto* truth = value != nullptr ? std::get_if<bool>(value) : nullptr;
  return truth != nullptr && *truth;
}

std::vector<std::int64_t> numbers_of(const Event& event, std::string_view key) {
  const std::string text = text_of(event, key);
  std::vector<std::int64_t> out;
  for (const char *at = text.data(), *const end = at + text.size(); at < end;) {
    std::int64_t number = 0;
    const auto [next, problem] = std::from_chars(at, end, number);
    if (problem != std::errc()) break;
    out.push_back(number);
    at = next + 1;
  }
  return out;
}

bool is_for_replay(const Event& event) {
  return event.event == "told" || event.event == "recovery_begins";
}

std::string written_json(const Event& event) {
  Json json;
  json["time"] = event.time;
  json["event"] = event.event;
  for (const auto& [key, value] : event.fields) {
    json[key] = std::visit([](const auto& it) { return json_of(it); }, value);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Event> parse_event(std::string_view line) {
  ASSIGN_OR_RETURN(const nlohmann::json checked, parse_json(line, "event"));
  if (!checked.is_object()) return wrong("is no object");
  for (const char* key : {"time", "event"}) {
    if (!checked.contains(key) || !checked[key].is_string()) {
      return wrong(fmt::format("{}: is missing or no text", key));
    }
  }
  ASSIGN_OR_RETURN(std::vector<EventField> fields,
                   fields_of(Json::parse(line.begin(), line.end(), nullptr, false)));
  return Event{checked["time"].get<std::string>(), checked["event"].get<std::string>(),
               std::move(fields)};
}

Result<EventLog> EventLog::open(const Clock& clock, const std::string& path) {
  ASSIGN_OR_RETURN(AppendFile file, AppendFile::lines(path));
  return EventLog(clock, std::move(file));
}

Status EventLog::append(std::string event, std::vector<EventField> fields) {
  const Event full{written_utc(clock_->wall()), std::move(event), std::move(fields)};
  return file_.append(written_json(full) + "\n");
}

Result<std::vector<Event>> read_events(const Files& files, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, files.read(path));
  std::vector<Event> events;
  RETURN_IF_ERROR(for_each_line(content, path, [&](std::string_view line) -> Status {
    ASSIGN_OR_RETURN(Event event, parse_event(line));
    events.push_back(std::move(event));
    return Done{};
  }));
  return events;
}

}  // namespace celere::wire
