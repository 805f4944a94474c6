#include "life/sensitivity.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "life/monte_carlo.hpp"

namespace celere::life {
namespace {

struct Ends {
  double median = 0, longest = 0;  // seconds
};

Ends ends_of(const Scene& scene, const MonteCarlo& options, ThreadPool& threads) {
  CHECK(checked(scene).ok());
  std::vector<double> times;
  for (const Life& life : live_many(scene, options, threads)) {
    times.push_back((life.done ? seconds(life.time) : scene.horizon).in_base());
  }
  return {.median = quantiles_of(times).p50, .longest = *std::ranges::max_element(times)};
}

double moved(const Shift& shift) {
  return std::max(std::abs(shift.low.in_base()), std::abs(shift.high.in_base()));
}

}  // namespace

std::vector<Shift> shifts_of(const Scene& scene, const std::vector<Knob>& knobs, std::uint64_t seed,
                             int replicas, ThreadPool& threads) {
  const MonteCarlo options{.seed = seed, .replicas = replicas};
  const Ends as_is = ends_of(scene, options, threads);
  const auto shifted = [&](const Knob& knob, double value) {
    if (value == knob.at_is) return Seconds{};
    Scene other = scene;
    other.horizon = std::min(scene.horizon, Seconds::of(5 * as_is.longest));
    knob.put(other, value);
    return Seconds::of(ends_of(other, options, threads).median - as_is.median);
  };
  std::vector<Shift> out;
  for (const Knob& knob : knobs) {
    out.push_back(
        {.knob = knob, .low = shifted(knob, knob.at_low), .high = shifted(knob, knob.at_high)});
  }
  std::ranges::stable_sort(out, std::ranges::greater{}, moved);
  return out;
}

}  // namespace celere::life
