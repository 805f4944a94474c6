#include "life/stretch.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::life {

Step Stretch::saves(Step after, Step last) const {
  return every == 0 ? 0 : last / every - after / every;
}

Nanoseconds Stretch::done_at(Step last) const {
  CHECK_GT(last, from);
  return begin + (last - from) * step + saves(from, last - 1) * blocking;
}

Step Stretch::done_by(Nanoseconds time) const {
  if (time < begin) return from;
  Nanoseconds left = time - begin;
  if (every == 0) return from + left / step;
  const Step first = every - from % every;
  if (left < first * step + blocking) return from + std::min(left / step, first);
  left -= first * step + blocking;
  const Nanoseconds cycle = every * step + blocking;
  return from + first + left / cycle * every + std::min(left % cycle / step, every);
}

std::optional<Step> Stretch::committed_by(Nanoseconds time, Nanoseconds background) const {
  if (every == 0) return std::nullopt;
  const Nanoseconds at = time - background - blocking;  // done by then
  const Step newest = done_by(at) / every * every;
  if (newest <= from || at < begin) return std::nullopt;
  return newest;
}

Stretch::Parts Stretch::until(Nanoseconds time) const {
  Parts out;
  const Nanoseconds all = time - begin + lead;
  if (time < begin) {
    out.saving = all;
    return out;
  }
  out.steps = done_by(time) - from;
  out.stepping = out.steps * step;
  const Nanoseconds rest = all - out.stepping;
  out.saving = std::min(rest, lead + saves(from, from + out.steps) * blocking);
  out.partial = rest - out.saving;
  return out;
}

}  // namespace celere::life
