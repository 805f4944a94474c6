#include "base/clock.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <thread>

namespace celere {
namespace {

template <typename Of>
Instant instant_of() {
  const auto since = Of::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()};
}

}  // namespace

Instant SystemClock::now() const { return instant_of<std::chrono::steady_clock>(); }

Instant SystemClock::wall() const { return instant_of<std::chrono::system_clock>(); }

void SystemClock::sleep(Seconds time) {
  std::this_thread::sleep_for(std::chrono::duration<double>(time.in_base()));
}

Seconds ProcessCpuTime::used() const {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return Seconds::of(static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9);
}

std::string written_utc(Instant wall) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::nanoseconds> at{
      std::chrono::nanoseconds(wall.nanoseconds)};
  const auto day = floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(floor<std::chrono::milliseconds>(at - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

}  // namespace celere
