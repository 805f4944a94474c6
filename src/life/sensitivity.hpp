// Which assumption moves the end most: each is put at the low and at the high end of its interval,
// all others as they are, and the same lives are lived again.
//
// All are looked at with five lives; the dozen that move it most then with all that are asked for.
// As a life is struck by the same failures, few are enough.
//
// Leaves out: two assumptions together. A life that takes five times as long as the slowest that is
// done with all as they are, or that gives up, counts for that long.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "life/scene.hpp"

namespace celere::life {

// A number of a scene that is not known for sure. `put` writes another value into the scene.
struct Knob {
  std::string name = {};                     // "failures of a node"
  std::string low = {}, is = {}, high = {};  // for people, with units
  double at_low = 0, at_is = 0, at_high = 0;
  std::string source = {};  // where the interval comes from
  std::string grade = {};
  std::function<void(Scene&, double)> put = {};
};

struct Shift {
  Knob knob;
  Seconds low = {}, high = {};  // what the median end moves by, with the knob at its ends
};

// The dozen that move the end most come first, and among them the one that moves it most; ties in
// the order of the knobs. `progress` is told the share that is done, by any thread. REQUIRES:
// checked(scene), and of what each knob makes of it at its ends; replicas >= 1.
std::vector<Shift> shifts_of(const Scene& scene, const std::vector<Knob>& knobs, std::uint64_t seed,
                             int replicas, ThreadPool& threads,
                             const std::function<void(double)>& progress = {});

}  // namespace celere::life
