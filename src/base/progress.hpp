// A live line on a terminal for work that takes more than a moment:
//
//   searching  [##########..........]  52 %  3.1 s, 2.9 s left
//
// Drawn over itself at most ten times a second, cut to the width of the terminal and wiped when the
// work is done; where the stream is no terminal nothing is written. update() may be called from any
// thread: it costs an atomic store unless it is time to draw.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace celere {

struct Terminal {
  int width = 80;
  std::function<void(std::string_view)> write;
};

// Standard error, where it is a terminal; without `write` where it is none.
Terminal standard_error_terminal();

class Progress {
 public:
  // The clock must outlive it. A terminal without `write`: silent.
  Progress(const Clock& clock, Terminal terminal, std::string label);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Done so far, between 0 and 1; less than before is ignored.
  void update(double share);
  void finish();  // wipes the line; nothing is drawn after it

 private:
  std::string line(double share) const;

  const Clock& clock_;
  Terminal terminal_;
  std::string label_;
  Instant begin_;
  std::atomic<std::int64_t> draw_next_;  // nanoseconds of the clock
  std::mutex mutex_;                     // of what follows
  double share_ = 0;
  bool drawn_ = false;
  bool finished_ = false;
};

// The same for a line whose text the caller makes, such as the state of a training, with lines in
// between that stay. For one thread.
class LiveLine {
 public:
  // The clock must outlive it. A terminal without `write`: silent.
  LiveLine(const Clock& clock, Terminal terminal) : clock_(clock), terminal_(std::move(terminal)) {}
  ~LiveLine() { finish(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  void show(std::string_view text);  // unless one was drawn a moment ago
  void finish();                     // wipes the line; the next show() draws it again

 private:
  const Clock& clock_;
  Terminal terminal_;
  Instant draw_next_{};
  bool drawn_ = false;
};

}  // namespace celere
