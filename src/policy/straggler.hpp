// Which rank is slow, by the time that each rank computes between collectives: CPU or device time,
// not waiting, which a slow rank spreads over all.
//
// Of each step and rank: x = log(time / median of the others of its group), which leaves out what
// slows all alike. The last 20 (and 12) x of a rank give its location: the mean of those within 4
// scales of their median, so a few steps at three times the time count for nothing. A rank is slow
// where
//
//   location > max(0.8 log(factor), k scale / sqrt(n)),   k = sqrt(2 log(10^5 ranks)),
//
// n values in the mean; 0.8, because locations are uncertain: with 1, half of the ranks that are
// slow by just `factor` would be missed. The scale is that of the step-to-step noise of its group:
// the median of the last 256 |x - x a step before| of its ranks (some, if it has many),
// / (0.6745 sqrt 2), and one standard error more (1.3 / sqrt(values), from simulation). By the
// bound of the normal tail, exp(-k^2 / 2), a healthy rank is named less than once in 10^5 steps of
// the whole training.
//
// At 5 % noise a rank that is 15 % slow is named within 20 steps (of two ranks: 99.6 times in 100),
// and of a thousand runs of 1,000 healthy steps 0 to 3 have a false alarm, at 20 % noise 16. What
// cannot be seen: what slows half of a group or more (a rank alone in its group, above all: where
// stages differ and nothing is replicated, nobody knows); less than `factor`; at more noise, 15 %
// in 20 steps (k scale / sqrt(20) for two ranks reaches log(1.15) at 8 % noise: then it takes a
// larger slowdown); slowness that comes and goes within some steps. Of two ranks the slower
// one is named: that the other is fast beyond its kind looks the same.
//
// A step of 100,352 ranks takes 0.14 s (measured on one core).
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "policy/events.hpp"

namespace celere::policy {

struct StragglerSettings {
  double factor = 1.1;  // a slowdown that matters
  int warm_up = 3;      // first steps that are not looked at
};

// From which estimate on a rank counts as slow by `factor`.
double least_slow(double factor);

class StragglerDetector {
 public:
  // Ranks of one group do equal work (the same stage, with as many tokens).
  explicit StragglerDetector(std::vector<int> group_of_rank, StragglerSettings settings = {});

  struct Slow {
    Rank rank = 0;
    double factor = 1;  // against the others of its group, as estimated
  };
  // One step: the time of each rank; what is not above 0 is not known, and that rank's step is left
  // out. Those that are slow now, said again at each step. REQUIRES: a time for each rank.
  std::vector<Slow> step(std::span<const Seconds> times);

 private:
  static constexpr int long_window = 20, short_window = 12;
  static constexpr int changes_kept = 256, changes_of_step = 16;
  struct Group {
    std::vector<Rank> ranks;
    std::array<double, changes_kept> changes{};  // a ring
    int count = 0;
    double scale = 1;
  };
  struct Ring {
    std::array<double, long_window> values{};
    int count = 0;
    double back(int steps) const {
      return values[static_cast<std::size_t>((count - 1 - steps) % long_window)];
    }
    double change() const { return back(0) < back(1) ? back(1) - back(0) : back(0) - back(1); }
  };
  void compare(Group& group, std::span<const Seconds> times);
  static void judge_noise(Group& group);
  struct Location {
    double x = 0;
    double values = 0;
  };
  static Location location(const Ring& ring, int window, double scale);

  StragglerSettings settings_;
  std::vector<Group> groups_;
  std::vector<Ring> rings_;  // of each rank
  double looks_ = 0;         // k
  int steps_ = 0;
};

}  // namespace celere::policy
