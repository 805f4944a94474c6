#include "life/sensitivity.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/check.hpp"
#include "life/monte_carlo.hpp"

namespace celere::life {
namespace {

constexpr int screened = 5;            // lives of each knob, to see which ones matter
constexpr std::ptrdiff_t closer = 12;  // knobs that are then looked at with all lives

class Shifting {
 public:
  Shifting(const Scene& scene, std::uint64_t seed, int replicas, ThreadPool& threads)
      : scene_(scene), seed_(seed), threads_(threads) {
    as_is_ = live_many(scene, {.seed = seed, .replicas = replicas}, threads);
    double longest = 0;
    for (const Life& life : as_is_) {
      if (life.done) longest = std::max(longest, seconds(life.time).in_base());
    }
    patience_ = scene.horizon.in_base();
    if (longest > 0) patience_ = std::min(patience_, 5 * longest);
  }

  // What so many lives say of each: both ends of all at once. `lived` is told of so many more.
  void shift(std::span<Shift> shifts, int lives, const std::function<void(int)>& lived) const {
    const double median = quantiles_of(times_of({as_is_.data(), count_of(lives)})).p50;
    threads_.for_each_index(2 * shifts.size(), [&](std::size_t i) {
      Shift& shift = shifts[i / 2];
      const Knob& knob = shift.knob;
      const double value = i % 2 == 0 ? knob.at_low : knob.at_high;
      Seconds& to = i % 2 == 0 ? shift.low : shift.high;
      if (value != knob.at_is) to = Seconds::of(median_at(knob, value, lives) - median);
      lived(lives);
    });
  }

 private:
  static std::size_t count_of(int lives) { return static_cast<std::size_t>(lives); }

  std::vector<double> times_of(std::span<const Life> lives) const {
    std::vector<double> out;
    for (const Life& life : lives) {
      out.push_back(life.done ? seconds(life.time).in_base() : patience_);
    }
    return out;
  }

  double median_at(const Knob& knob, double value, int count) const {
    Scene scene = scene_;
    scene.horizon = Seconds::of(patience_);
    knob.put(scene, value);
    CHECK(checked(scene).ok());
    const Beginning beginning(scene);
    std::vector<Life> lives;
    for (std::uint64_t i = 0; i < count_of(count); ++i) {
      lives.push_back(Replica(scene, beginning, seed_, i, {}).live());
    }
    return quantiles_of(times_of(lives)).p50;
  }

  const Scene& scene_;
  std::uint64_t seed_;
  ThreadPool& threads_;
  std::vector<Life> as_is_;
  double patience_ = 0;  // seconds
};

double moved(const Shift& shift) {
  return std::max(std::abs(shift.low.in_base()), std::abs(shift.high.in_base()));
}

}  // namespace

std::vector<Shift> shifts_of(const Scene& scene, const std::vector<Knob>& knobs, std::uint64_t seed,
                             int replicas, ThreadPool& threads,
                             const std::function<void(double)>& progress) {
  const Shifting shifting(scene, seed, replicas, threads);
  std::vector<Shift> out;
  for (const Knob& knob : knobs) out.push_back({.knob = knob});
  const int few = std::min(replicas, screened);
  const std::ptrdiff_t closely = std::min(closer, std::ssize(out));
  const auto all = static_cast<double>(2 * (std::ssize(out) * few + closely * replicas));
  std::atomic<std::int64_t> so_far = 0;
  const auto lived = [&](int lives) {
    const std::int64_t now = so_far += lives;
    if (progress) progress(static_cast<double>(now) / all);
  };
  shifting.shift(out, few, lived);
  std::ranges::stable_sort(out, std::ranges::greater{}, moved);
  const auto first = out.begin() + closely;
  shifting.shift({out.begin(), first}, replicas, lived);
  std::ranges::stable_sort(out.begin(), first, std::ranges::greater{}, moved);
  return out;
}

}  // namespace celere::life
