// Time, injected: what must know how late it is takes a Clock&, so that tests move it by hand.
// Nothing below cli/ reads the machine's clock itself.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/units.hpp"

namespace celere {

// Nanoseconds since some fixed moment: monotonic ones since the machine began, wall ones since
// 1970-01-01 UTC. Integers, so that times can be compared exactly.
struct Instant {
  std::int64_t nanoseconds = 0;
  friend auto operator<=>(const Instant&, const Instant&) = default;
};

inline Instant operator+(Instant at, Seconds after) {
  return {at.nanoseconds + static_cast<std::int64_t>(after.in_base() * 1e9)};
}
inline Seconds operator-(Instant later, Instant earlier) {
  return Seconds::of(static_cast<double>(later.nanoseconds - earlier.nanoseconds) * 1e-9);
}

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;   // monotonic: for durations and deadlines
  virtual Instant wall() const = 0;  // for people; may jump
  virtual void sleep(Seconds time) = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override;
  Instant wall() const override;
  void sleep(Seconds time) override;
};

// How much of the processors this process has used, all its threads together.
class CpuTime {
 public:
  virtual ~CpuTime() = default;
  virtual Seconds used() const = 0;
};

class ProcessCpuTime final : public CpuTime {
 public:
  Seconds used() const override;
};

// Stands still until it is moved; sleeping moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant wall = {}) : wall_(wall) {}
  Instant now() const override { return now_; }
  Instant wall() const override { return wall_; }
  void sleep(Seconds time) override { advance(time); }
  void advance(Seconds time) {
    now_ = now_ + time;
    wall_ = wall_ + time;
  }

 private:
  Instant now_, wall_;
};

// "2024-07-22T08:15:30.250Z".
std::string written_utc(Instant wall);

}  // namespace celere
