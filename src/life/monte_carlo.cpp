#include "life/monte_carlo.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "base/quantile.hpp"

namespace celere::life {

std::vector<Life> live_many(const Scene& scene, const MonteCarlo& options, ThreadPool& threads) {
  std::vector<Life> lives(static_cast<std::size_t>(options.replicas));
  const Beginning beginning(scene);
  threads.for_each_index(lives.size(), [&](std::size_t i) {
    lives[i] = Replica(scene, beginning, options.seed, i, options.options).live();
  });
  return lives;
}

Quantiles quantiles_of(std::vector<double> values) {
  CHECK(!values.empty());
  std::ranges::sort(values);
  const auto at = [&](double share) { return quantile_of_sorted(values, share); };
  Quantiles out{.p5 = at(0.05), .p50 = at(0.5), .p95 = at(0.95)};
  const auto count = static_cast<double>(values.size());
  out.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean);
  if (count > 1) out.mean_error = std::sqrt(squares / (count - 1) / count);
  return out;
}

Summary summary_of(const Scene& scene, std::span<const Life> lives) {
  Summary out{.lives = static_cast<int>(lives.size())};
  for (const Cause& cause : scene.causes) out.causes.push_back({.name = cause.name});
  std::vector<double> time, ettr, dollars, joules;
  const double share = 1 / static_cast<double>(std::max<std::size_t>(1, lives.size()));
  for (const Life& life : lives) {
    for (std::size_t part = 0; part < part_count; ++part) {
      out.account[part] += share * seconds(life.account[part]);
    }
    for (std::size_t cause = 0; cause < life.causes.size(); ++cause) {
      out.causes[cause].hits += share * static_cast<double>(life.causes[cause].hits);
      out.causes[cause].lost += share * seconds(life.causes[cause].lost);
    }
    if (!life.done) continue;
    ++out.done;
    time.push_back(seconds(life.time).in_base());
    ettr.push_back(life.ettr());
    if (life.dollars) dollars.push_back(life.dollars->in_base());
    if (life.energy) joules.push_back(life.energy->in_base());
  }
  const auto put = [](Quantiles& to, std::vector<double>& values) {
    if (!values.empty()) to = quantiles_of(std::move(values));
  };
  put(out.time, time);
  put(out.ettr, ettr);
  put(out.dollars, dollars);
  put(out.joules, joules);
  std::ranges::sort(out.causes, [](const CauseMean& one, const CauseMean& other) {
    return one.lost != other.lost ? one.lost > other.lost : one.name < other.name;
  });
  return out;
}

}  // namespace celere::life
