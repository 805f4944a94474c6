#include "life/forecast.hpp"

#include <algorithm>
#include <atomic>

#include "base/check.hpp"

namespace celere::life {
namespace {

// Lives that are held against each other one by one, under the same failures, need not be many.
constexpr int compared_max = 24;

}  // namespace

std::optional<Date> Forecast::day(Seconds time) const {
  if (!built.start) return std::nullopt;
  return later(*built.start, time / 1_days);
}

Seconds End::time_of(double share) const {
  CHECK(done && share > 0 && reached.size() == milestones);
  const auto at = [&](std::size_t shares) {
    return shares == 0 ? Seconds{} : seconds(reached[shares - 1]);
  };
  const Seconds last_save = time - at(milestones);
  if (share > 1) {
    const std::size_t before = milestones - milestones / 8;
    return time + (share - 1) * 8 * (at(milestones) - at(before));
  }
  const double place = share * milestones;
  const auto below = std::min(static_cast<std::size_t>(place), std::size_t{milestones - 1});
  const double rest = place - static_cast<double>(below);
  return at(below) + rest * (at(below + 1) - at(below)) + last_save;
}

Forecast forecast_of(Built built, const ForecastOptions& options, ThreadPool& threads,
                     const std::function<void(double)>& progress) {
  CHECK(options.replicas >= 1);
  CHECK(options.told >= 0 && options.told < options.replicas);
  Forecast out{.built = std::move(built), .options = options};
  const Scene& scene = out.built.scene;
  const Uncertain uncertain = options.certain ? Uncertain{} : out.built.uncertain;
  const Beginning beginning(scene);
  const auto live = [&](std::uint64_t index, bool story) {
    const Scene own = in_world(scene, drawn_world(uncertain, options.seed, index));
    return Replica(own, beginning, options.seed, index, {.story = story}).live();
  };
  std::vector<Life> lives(static_cast<std::size_t>(options.replicas));
  // Of the whole, where knobs and values are looked at as well: about half.
  const double share = options.tune || options.shift ? 0.5 : 1;
  std::atomic<int> lived = 0;
  threads.for_each_index(lives.size(), [&](std::size_t i) {
    lives[i] = live(i, false);
    if (progress) progress(share * ++lived / options.replicas);
  });
  for (const Life& life : lives) {
    out.ends.push_back({.time = seconds(life.time),
                        .done = life.done,
                        .why_not = life.why_not,
                        .ettr = life.ettr(),
                        .dollars = life.dollars,
                        .energy = life.energy,
                        .reached = life.reached});
  }
  out.summary = summary_of(scene, lives);
  const auto told = static_cast<std::uint64_t>(options.told);
  out.told_world = drawn_world(uncertain, options.seed, told);
  out.told = live(told, true);
  const int compared = std::min(options.replicas, compared_max);
  const double shifts_begin = options.tune && options.shift ? 0.75 : share;
  if (options.tune) {
    const double tuning_ends = options.shift ? shifts_begin : 1;
    out.tuning = tuned(scene, options.seed, compared, threads, [&](double done) {
      if (progress) progress(share + (tuning_ends - share) * done);
    });
  }
  if (options.shift) {
    out.shifts =
        shifts_of(scene, out.built.knobs, options.seed, compared, threads, [&](double done) {
          if (progress) progress(shifts_begin + (1 - shifts_begin) * done);
        });
  }
  return out;
}

}  // namespace celere::life
