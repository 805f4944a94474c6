// The log of a program: one event a line, for people who grep.
//
//   2024-07-22T08:15:30.250Z warn  rank lost rank=17 node="gpu-0042" after=3.5 s
//
// A Log is injected like the clock; the default one is quiet. Lines are written by spdlog, which
// stays behind this header. A line break, quote or control character in a value is escaped, so an
// event is always one line.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace celere {

enum class LogLevel { debug, info, warn, error };

// A name and its value, as it is to be read.
using LogField = std::pair<std::string_view, std::string>;

class Log {
 public:
  // Quiet: events go nowhere.
  Log();
  ~Log();
  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;

  // Events of this level and above, with the clock's wall time. The clock must outlive the log.
  static Log to_standard_error(const Clock& clock, LogLevel least);
  // Appends; errors: io.
  static Result<Log> to_file(const Clock& clock, const std::string& path, LogLevel least);
  // Into a string, for tests.
  static Log to_text(const Clock& clock, std::string& text, LogLevel least);

  void event(LogLevel level, std::string_view what, const std::vector<LogField>& fields = {});
  // Until all that was said is with the operating system.
  void flush();

 private:
  struct Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace celere
