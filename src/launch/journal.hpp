// What the supervisor writes down: events.jsonl, and the same lines on its output for who shows
// them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "wire/events.hpp"

namespace celere::launch {

class Journal {
 public:
  using Say = std::function<void(const std::string& line)>;
  // The clock must outlive it. Errors: io.
  static Result<Journal> open(const Clock& clock, const std::string& path, Say say);

  // A disk that takes no more does not stop a training; what could not be written is said once.
  void tell(const std::string& event, std::vector<wire::EventField> fields, bool durable = false);
  // For who reads the file later, and nobody now: neither shown nor among the last.
  void record(const std::string& event, std::vector<wire::EventField> fields);
  // What a worker said of itself, with its own time.
  void pass_on(const wire::Event& event, bool durable);
  // The last few that were told.
  const std::vector<wire::Event>& last() const { return last_; }
  // A step's line, which is not kept here.
  void say_line(const std::string& line) { say_(line); }

 private:
  Journal(const Clock& clock, wire::AppendFile file, Say say)
      : clock_(&clock), file_(std::move(file)), say_(std::move(say)) {}
  void complain(const Status& status);
  // The line, without its end.
  std::string append(const wire::Event& event);

  const Clock* clock_;
  wire::AppendFile file_;
  Say say_;
  bool complained_ = false;
  std::vector<wire::Event> last_;
};

}  // namespace celere::launch
