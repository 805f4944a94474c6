// A stretch of training in which nothing happens: steps of one length, a checkpoint behind each
// that `every` divides, an evaluation behind each that `evaluates` divides. All that is asked of it
// is arithmetic, however many steps there are.
//
//   done(k) = begin + (k - from) step + blocking (number of multiples of every in (from, k - 1])
//                                     + evaluation (the same of evaluates)
//
// and a checkpoint of step c is committed at done(c) + blocking + background. Behind a step comes
// its save first and then its evaluation.
#pragma once

#include <optional>

#include "life/scene.hpp"

namespace celere::life {

// Nobody trains, in this order.
struct Pause {
  Nanoseconds saving = 0, evaluating = 0, standing = 0;
  Nanoseconds whole() const { return saving + evaluating + standing; }
};

struct Stretch {
  Nanoseconds begin = 0;  // of step from + 1
  Pause lead = {};        // just before it
  Step from = 0;          // steps that are done
  Nanoseconds step = 1;
  Step every = 0;  // 0: never
  Nanoseconds blocking = 0, background = 0;
  Step evaluates = 0;
  Nanoseconds evaluation = 0;

  Nanoseconds done_at(Step last) const;  // REQUIRES: last > from
  Step done_by(Nanoseconds time) const;  // how many steps are done then
  Nanoseconds committed_at(Step saved) const { return done_at(saved) + blocking + background; }
  // The newest checkpoint of this stretch that is committed by then.
  std::optional<Step> committed_by(Nanoseconds time) const;
  // What comes between this step and the next.
  Pause pause_behind(Step done) const;

  // The time from begin - lead to `time`, in its parts, which sum to it.
  struct Parts {
    Step steps = 0;
    Nanoseconds stepping = 0;  // whole steps
    Pause pause = {};
    Nanoseconds partial = 0;  // of a step that was not finished
  };
  Parts until(Nanoseconds time) const;
};

}  // namespace celere::life
