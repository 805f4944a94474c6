#include "life/tuning.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/check.hpp"

namespace celere::life {
namespace {

constexpr std::size_t points_max = 24;
constexpr int around = 4;  // grid steps on each side of the scene's own value, to begin with

struct Lived {
  std::int64_t value = 0;
  Point point = {};
  std::vector<double> times = {};  // of each life, in seconds; of one that is not done: at least
  double longest = 0;              // of those that are
};

// How the mean time at one value is above that at another, and one standard error of it.
struct Difference {
  double mean = 0, error = 0;
};
Difference difference(const Lived& one, const Lived& other) {
  const auto count = static_cast<double>(one.times.size());
  Difference out;
  for (std::size_t i = 0; i < one.times.size(); ++i) {
    out.mean += (one.times[i] - other.times[i]) / count;
  }
  double squares = 0;
  for (std::size_t i = 0; i < one.times.size(); ++i) {
    const double off = one.times[i] - other.times[i] - out.mean;
    squares += off * off;
  }
  if (count > 1) out.error = std::sqrt(squares / (count - 1) / count);
  return out;
}

// Of values that are as good: which one.
enum class Prefer : std::uint8_t { least, greatest };

// One curve, searched.
class Search {
 public:
  using SceneAt = std::function<Scene(std::int64_t)>;
  // `looked_at` is told which share of the most values there may be has been looked at.
  Search(SceneAt scene_at, Prefer prefer, MonteCarlo lives, ThreadPool& threads,
         std::function<void(double)> looked_at)
      : scene_at_(std::move(scene_at)),
        prefer_(prefer),
        lives_(lives),
        threads_(threads),
        looked_at_(std::move(looked_at)) {}

  // The scene's own value: how long its slowest life takes bounds all others.
  void present(std::int64_t value) {
    add(value);
    patience_ = 3 * lived_.front().longest;
    for (double& time : lived_.front().times)
      time = patience_ > 0 ? std::min(time, patience_) : time;
    present_ = value;
  }

  void add(std::int64_t value) {
    const auto at = std::ranges::lower_bound(lived_, value, {}, &Lived::value);
    if (at != lived_.end() && at->value == value) return;
    lived_.insert(at, live(value));
    looked_at_(static_cast<double>(lived_.size()) / points_max);
  }

  std::int64_t least() const { return lived_.front().value; }
  std::int64_t most() const { return lived_.back().value; }
  bool best_is_least() const { return best_mean() == 0; }
  bool best_is_most() const { return best_mean() + 1 == lived_.size(); }
  bool is_full() const { return lived_.size() >= points_max; }

  // `scale`: of a point's value.
  Curve curve(double scale) const {
    Curve out{.best = best_mean()};
    const Lived& least_time = lived_[out.best];
    for (std::size_t i = 0; i < lived_.size(); ++i) {
      out.points.push_back(lived_[i].point);
      out.points.back().value = static_cast<double>(lived_[i].value) * scale;
      if (lived_[i].value == present_) out.present = i;
      const Difference behind = difference(lived_[i], least_time);
      const bool is_further = prefer_ == Prefer::greatest ? i > out.best : i < out.best;
      if (behind.mean <= behind.error && is_further) out.best = i;
    }
    return out;
  }

 private:
  Lived live(std::int64_t value) const {
    Scene scene = scene_at_(value);
    if (patience_ > 0) scene.horizon = std::min(scene.horizon, Seconds::of(patience_));
    CHECK(checked(scene).ok());
    const std::vector<Life> lives = live_many(scene, lives_, threads_);
    const Summary summary = summary_of(scene, lives);
    Lived out{.value = value};
    out.point = {.time_p50 = Seconds::of(summary.time.p50),
                 .time_mean = Seconds::of(summary.time.mean),
                 .time_mean_error = Seconds::of(summary.time.mean_error),
                 .ettr = summary.ettr.mean,
                 .done = summary.done};
    if (summary.dollars.mean > 0) out.point.dollars_mean = Dollars::of(summary.dollars.mean);
    for (const Life& life : lives) {
      out.times.push_back((life.done ? seconds(life.time) : scene.horizon).in_base());
      if (life.done) out.longest = std::max(out.longest, out.times.back());
    }
    return out;
  }

  std::size_t best_mean() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < lived_.size(); ++i) {
      const double behind = difference(lived_[i], lived_[best]).mean;
      if (behind < 0 || (behind == 0 && prefer_ == Prefer::greatest)) best = i;
    }
    return best;
  }

  SceneAt scene_at_;
  Prefer prefer_;
  MonteCarlo lives_;
  ThreadPool& threads_;
  std::function<void(double)> looked_at_;
  std::vector<Lived> lived_;  // by value
  double patience_ = 0;       // 0: not known yet
  std::int64_t present_ = 0;
};

// Rung k of a ladder around `from`: from sqrt(2)^k.
std::int64_t rung(std::int64_t from, int k) {
  return std::llround(static_cast<double>(from) * std::pow(2.0, 0.5 * k));
}

// `from` is where the ladder stands, which need not be the scene's own value.
void climb(Search& search, std::int64_t from, std::int64_t least, std::int64_t most) {
  const auto add = [&](int k) { search.add(std::clamp(rung(from, k), least, most)); };
  for (int k = -around; k <= around; ++k) add(k);
  for (int k = around + 1; search.best_is_most() && search.most() < most; ++k) {
    if (search.is_full()) break;
    add(k);
  }
  for (int k = -around - 1; search.best_is_least() && search.least() > least; --k) {
    if (search.is_full()) break;
    add(k);
  }
}

}  // namespace

Scene with_spares(Scene scene, int spares) {
  const int before = scene.nodes();
  const int nodes = scene.layouts.front().nodes + spares;
  if (nodes > before) {
    scene.tranches.back().nodes = nodes;
    if (!scene.powered.empty() && scene.powered.back().nodes >= before) {
      scene.powered.back().nodes = std::max(scene.powered.back().nodes, nodes);
    }
    return scene;
  }
  std::vector<Tranche> kept;
  for (Tranche tranche : scene.tranches) {
    tranche.nodes = std::min(tranche.nodes, nodes);
    if (kept.empty() || tranche.nodes > kept.back().nodes) kept.push_back(tranche);
  }
  scene.tranches = std::move(kept);
  std::erase_if(scene.given, [&](const Given& given) { return given.node >= nodes; });
  return scene;
}

Tuning tuned(const Scene& scene, std::uint64_t seed, int replicas, ThreadPool& threads,
             const std::function<void(double)>& progress) {
  const MonteCarlo lives{.seed = seed, .replicas = replicas};
  Tuning out;
  // Never to save but at the end is to save behind the last step.
  const Step every = scene.checkpoints.every;
  const Step interval = every == 0 ? scene.steps : std::min(every, scene.steps);
  const auto saving_each = [&](std::int64_t steps) {
    Scene other = scene;
    other.checkpoints.every = steps;
    return other;
  };
  // Of both searches, the second from one half on.
  const auto looked_at = [&](double before) {
    return [&progress, before](double share) {
      if (progress) progress(before + share / 2);
    };
  };
  Search intervals(saving_each, Prefer::greatest, lives, threads, looked_at(0));
  intervals.present(interval);
  climb(intervals, interval, 1, scene.steps);
  out.interval = intervals.curve(scene.layouts.front().step.in_base());

  const int spares = scene.nodes() - scene.layouts.front().nodes;
  const auto having = [&](std::int64_t count) {
    return with_spares(scene, static_cast<int>(count));
  };
  Search search(having, Prefer::least, lives, threads, looked_at(0.5));
  search.present(std::max(0, spares));
  climb(search, std::max(1, spares), 0,
        std::max({4 * spares, scene.layouts.front().nodes / 20, 8}));
  out.spares = search.curve(1);
  if (progress) progress(1);
  return out;
}

}  // namespace celere::life
