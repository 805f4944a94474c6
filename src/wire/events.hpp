// What happened to a training: one line of JSON an event in events.jsonl.
//
//   {"time":"2024-07-22T08:15:30.250Z","event":"checkpoint_saved","step":120,"write_time_s":0.8}
//
// `time` and `event` come first; the other keys belong to the event and end in their unit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/append_file.hpp"

namespace celere::wire {

using EventValue = std::variant<std::int64_t, double, bool, std::string>;
using EventField = std::pair<std::string, EventValue>;

struct Event {
  std::string time;  // UTC
  std::string event;
  std::vector<EventField> fields;

  friend bool operator==(const Event&, const Event&) = default;
};

// The value of a field; nothing where the event has none of that name.
const EventValue* find_field(const Event& event, std::string_view key);
// Of a field of that kind; of no other, and where there is none: empty, nothing, false.
std::string text_of(const Event& event, std::string_view key);
std::optional<std::int64_t> number_of(const Event& event, std::string_view key);
std::optional<double> amount_of(const Event& event, std::string_view key);  // a whole one too
bool is_true(const Event& event, std::string_view key);
// "3,1,4", up to what is no number.
std::vector<std::int64_t> numbers_of(const Event& event, std::string_view key);

// Written for who makes the decisions of recovery again, and no news to anybody else.
bool is_for_replay(const Event& event);

// One line, without its end. Text that is not UTF-8 is mended and a number that is none becomes a
// text.
std::string written_json(const Event& event);
// Errors: corrupt.
Result<Event> parse_event(std::string_view line);

class EventLog {
 public:
  // Continues a file that exists; the clock must outlive the log. Errors: io.
  static Result<EventLog> open(const Clock& clock, const std::string& path);
  // With the wall time of now. Errors: io.
  Status append(std::string event, std::vector<EventField> fields = {});
  Status sync() { return file_.sync(); }  // until it is on the disk; errors: io

 private:
  EventLog(const Clock& clock, AppendFile file) : clock_(&clock), file_(std::move(file)) {}
  const Clock* clock_;
  AppendFile file_;
};

// In the order of the file. A last line without an end is passed over. Errors: not_found, io;
// corrupt with the line.
Result<std::vector<Event>> read_events(const Files& files, const std::string& path);

}  // namespace celere::wire
