#include "life/stretch.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::life {
namespace {

// Multiples of `every` in (after, last].
Step multiples(Step every, Step after, Step last) {
  return every == 0 ? 0 : last / every - after / every;
}

// So much of a pause as fits in `time`.
Pause cut(const Pause& pause, Nanoseconds time) {
  Pause out;
  out.saving = std::min(time, pause.saving);
  out.evaluating = std::min(time - out.saving, pause.evaluating);
  out.standing = std::min(time - out.saving - out.evaluating, pause.standing);
  return out;
}

}  // namespace

Nanoseconds Stretch::done_at(Step last) const {
  CHECK_GT(last, from);
  return begin + (last - from) * step + multiples(every, from, last - 1) * blocking +
         multiples(evaluates, from, last - 1) * evaluation;
}

// At the mean pace it is near: what is counted of each kind of pause differs from its share of the
// steps by less than one.
Step Stretch::done_by(Nanoseconds time) const {
  if (time < begin + step) return from;
  const auto share = [](Nanoseconds pause, Step each) {
    return each == 0 ? 0.0 : static_cast<double>(pause) / static_cast<double>(each);
  };
  const double mean =
      static_cast<double>(step) + share(blocking, every) + share(evaluation, evaluates);
  const auto near = static_cast<Step>(static_cast<double>(time - begin) / mean);
  const Step slack = (blocking + evaluation) / step + 2;
  Step low = std::max<Step>(1, near - slack), high = near + slack;  // done, not done
  while (high - low > 1) {
    const Step middle = low + (high - low) / 2;
    (done_at(from + middle) <= time ? low : high) = middle;
  }
  return from + low;
}

std::optional<Step> Stretch::committed_by(Nanoseconds time) const {
  if (every == 0) return std::nullopt;
  const Nanoseconds at = time - background - blocking;  // done by then
  const Step newest = done_by(at) / every * every;
  if (newest <= from || at < begin) return std::nullopt;
  return newest;
}

Pause Stretch::pause_behind(Step done) const {
  Pause out;
  if (every > 0 && done % every == 0) out.saving = blocking;
  if (evaluates > 0 && done % evaluates == 0) out.evaluating = evaluation;
  return out;
}

Stretch::Parts Stretch::until(Nanoseconds time) const {
  Parts out;
  if (time < begin) {
    out.pause = cut(lead, time - begin + lead.whole());
    return out;
  }
  out.pause = lead;
  out.steps = done_by(time) - from;
  if (out.steps == 0) {
    out.partial = time - begin;
    return out;
  }
  const Step last = from + out.steps;
  out.stepping = out.steps * step;
  out.pause.saving += multiples(every, from, last - 1) * blocking;
  out.pause.evaluating += multiples(evaluates, from, last - 1) * evaluation;
  const Nanoseconds rest = time - done_at(last);
  const Pause behind = cut(pause_behind(last), rest);
  out.pause.saving += behind.saving;
  out.pause.evaluating += behind.evaluating;
  out.partial = rest - behind.whole();
  return out;
}

}  // namespace celere::life
