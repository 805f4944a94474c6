#include "base/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/written_units.hpp"

namespace celere {
namespace {

constexpr std::int64_t draw_interval = 100'000'000;  // nanoseconds
constexpr int bar_width = 20;
constexpr const char* wipe = "\r\x1b[2K";  // to the start of the line, erase it

// The first `width` characters of UTF-8 text, each counted as one column.
std::string_view cut_to(std::string_view text, int width) {
  int columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && ++columns > width) return text.substr(0, i);
  }
  return text;
}

}  // namespace

Terminal standard_error_terminal() {
  Terminal terminal;
  if (isatty(STDERR_FILENO) == 0) return terminal;
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) terminal.width = size.ws_col;
  terminal.write = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  };
  return terminal;
}

Progress::Progress(const Clock& clock, Terminal terminal, std::string label)
    : clock_(clock),
      terminal_(std::move(terminal)),
      label_(std::move(label)),
      begin_(clock.now()),
      draw_next_(begin_.nanoseconds + draw_interval) {}

Progress::~Progress() { finish(); }

void Progress::update(double share) {
  if (!terminal_.write) return;
  const std::int64_t now = clock_.now().nanoseconds;
  std::int64_t next = draw_next_.load(std::memory_order_relaxed);
  // Who moves the time of the next drawing on is the one who draws.
  if (now < next || !draw_next_.compare_exchange_strong(next, now + draw_interval)) return;
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  share_ = std::clamp(share, share_, 1.0);
  terminal_.write(fmt::format("{}{}", wipe, cut_to(line(share_), terminal_.width - 1)));
  drawn_ = true;
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (drawn_ && !finished_) terminal_.write(wipe);
  finished_ = true;
}

std::string Progress::line(double share) const {
  const Seconds gone = clock_.now() - begin_;
  const int full = static_cast<int>(share * bar_width);
  std::string text = fmt::format("{}  [{:#<{}}{:.<{}}] {:3.0f} %  {}", label_, "", full, "",
                                 bar_width - full, 100 * share, written(gone));
  if (share > 0 && share < 1) {
    text += fmt::format(", {} left", written(gone * ((1 - share) / share)));
  }
  return text;
}

void LiveLine::show(std::string_view text) {
  const Instant now = clock_.now();
  if (!terminal_.write || now < draw_next_) return;
  draw_next_ = {now.nanoseconds + draw_interval};
  terminal_.write(fmt::format("{}{}", wipe, cut_to(text, terminal_.width - 1)));
  drawn_ = true;
}

void LiveLine::finish() {
  if (drawn_) terminal_.write(wipe);
  drawn_ = false;
  draw_next_ = {};
}

}  // namespace celere
