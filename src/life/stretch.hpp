// A stretch of training in which nothing happens: steps of one length, a checkpoint behind each
// that `every` divides. All that is asked of it is arithmetic, however many steps there are.
//
//   done(k) = begin + (k - from) step + blocking (number of multiples of every in (from, k - 1])
//
// and a checkpoint of step c is committed at done(c) + blocking + background.
#pragma once

#include <optional>

#include "life/scene.hpp"

namespace celere::life {

struct Stretch {
  Nanoseconds begin = 0;  // of step from + 1
  Nanoseconds lead = 0;   // of a save before it that blocked
  Step from = 0;          // steps that are done
  Nanoseconds step = 1;
  Step every = 0;  // 0: never
  Nanoseconds blocking = 0;

  Nanoseconds done_at(Step last) const;  // REQUIRES: last > from
  Step done_by(Nanoseconds time) const;  // how many steps are done then
  // The newest checkpoint of this stretch that is committed by then.
  std::optional<Step> committed_by(Nanoseconds time, Nanoseconds background) const;

  // The time from begin - lead to `time`, in its parts, which sum to it.
  struct Parts {
    Step steps = 0;
    Nanoseconds stepping = 0;  // whole steps
    Nanoseconds saving = 0;
    Nanoseconds partial = 0;  // of a step that was not finished
  };
  Parts until(Nanoseconds time) const;

 private:
  Step saves(Step after, Step last) const;  // multiples of every in (after, last]
};

}  // namespace celere::life
