#include "study/lives_validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "cost/goodput.hpp"
#include "life/monte_carlo.hpp"

namespace celere::study {
namespace {

constexpr double standard_errors = 3;
constexpr int no_limit = 1'000'000'000;

Seconds interval_of(const PublishedLife& life, const AssumedOfLives& assumed) {
  if (life.interval) return *life.interval;
  return cost::best_interval({.rate = life.rate(),
                              .restart = life.times.standstill(),
                              .blocking = life.times.blocking,
                              .least_interval = max(life.times.background, assumed.step)});
}

life::Cause cause_of(const PublishedFailures& failures, const PublishedLife& life,
                     const AssumedOfLives& assumed) {
  life::Cause cause{.name = failures.name, .effect = failures.effect, .rate = failures.rate};
  if (!failures.planned) {
    cause.detect = life.times.detect;
    cause.localise = life.times.localise;
  }
  cause.repair = assumed.repair;
  return cause;
}

struct Measured {
  double value = 0, error = 0;
};

Measured mean_of(const std::vector<double>& values) {
  const life::Quantiles quantiles = life::quantiles_of(values);
  return {quantiles.mean, quantiles.mean_error};
}

double effective_share(const life::Life& one, const std::vector<life::Part>& parts) {
  life::Nanoseconds effective = 0;
  for (const life::Part part : parts) effective += one.account[static_cast<std::size_t>(part)];
  const auto waiting = one.account[static_cast<std::size_t>(life::Part::waiting)];
  return static_cast<double>(effective) / static_cast<double>(one.time - waiting);
}

std::int64_t hits_of(const life::Life& one, const PublishedLife& life, bool planned_too) {
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < life.failures.size(); ++i) {
    if (planned_too || !life.failures[i].planned) hits += one.causes[i].hits;
  }
  return hits;
}

Measured measured(Measure what, const PublishedLife& life, const std::vector<life::Life>& lives) {
  std::vector<double> values;
  double hours = 0, hits = 0;
  for (const life::Life& one : lives) {
    const Seconds time = life::seconds(one.time);
    hours += time.in_base() / 3600;
    hits += static_cast<double>(hits_of(one, life, true));
    switch (what) {
      case Measure::effective_share:
        values.push_back(effective_share(one, life.effective));
        break;
      case Measure::interruptions:
        values.push_back(static_cast<double>(hits_of(one, life, false)) * life.lasts.in_base() /
                         time.in_base());
        break;
      case Measure::hours_between_failures:
        break;
    }
  }
  if (what != Measure::hours_between_failures) return mean_of(values);
  // The count of all is Poisson's.
  if (hits == 0) return {hours, hours};
  return {hours / hits, hours / hits / std::sqrt(hits)};
}

ExpectationResult held_against(const Expectation& expected, const Measured& value) {
  ExpectationResult out{
      .expected = expected, .simulated = value.value, .error = value.error, .kept = {}};
  if (!expected.least || !expected.most) return out;
  const double slack = standard_errors * value.error;
  out.kept = value.value >= *expected.least - slack && value.value <= *expected.most + slack;
  return out;
}

PublishedLifeResult result_of(const PublishedLife& life, const PublishedLives& all,
                              const LivesOptions& options, ThreadPool& threads) {
  const life::Scene scene = scene_of(life, all.assumed);
  const Status sound = life::checked(scene);
  CHECK(sound.ok());
  const std::vector<life::Life> lives = life::live_many(
      scene, {.seed = options.seed, .replicas = options.replicas, .options = {}}, threads);
  PublishedLifeResult out{
      .life = life,
      .interval = static_cast<double>(scene.checkpoints.every) * all.assumed.step,
      .spares = scene.nodes() - life.nodes,
      .done = 0,
      .shares = {},
      .expected = {}};
  double time = 0;
  for (const life::Life& one : lives) {
    out.done += one.done ? 1 : 0;
    time += static_cast<double>(one.time);
    for (std::size_t part = 0; part < life::part_count; ++part) {
      out.shares[part] += static_cast<double>(one.account[part]);
    }
  }
  for (double& share : out.shares) share /= time;
  for (const Expectation& expected : life.expected) {
    out.expected.push_back(held_against(expected, measured(expected.what, life, lives)));
  }
  return out;
}

}  // namespace

life::Scene scene_of(const PublishedLife& life, const AssumedOfLives& assumed) {
  life::Scene scene;
  const double step = assumed.step.in_base();
  scene.steps = std::max<std::int64_t>(1, std::llround(life.lasts.in_base() / step));
  scene.layouts = {{.nodes = life.nodes,
                    .replicas = life.replicas,
                    .replicas_whole = life.replicas > 1,
                    .step = assumed.step}};
  const int usual =
      std::max(assumed.spares_least, static_cast<int>(std::ceil(assumed.spare_share * life.nodes)));
  const int spares = life.spares.value_or(usual);
  scene.tranches = {{.at = {}, .nodes = life.nodes + spares}};
  for (const PublishedFailures& failures : life.failures) {
    scene.causes.push_back(cause_of(failures, life, assumed));
  }
  const RecoveryTimes& times = life.times;
  scene.times.first = times.init + times.load;
  scene.times.replace = times.replace;
  scene.times.restart = times.init;
  scene.times.load = scene.times.load_memory = times.load;
  scene.times.regroup = times.regroup;
  scene.checkpoints = {
      .every = std::max<std::int64_t>(1, std::llround(interval_of(life, assumed).in_base() / step)),
      .blocking = times.blocking,
      .background = times.background};
  if (life.replicas > 1) scene.recovery.on_lost_replica = policy::LostReplica::go_on;
  scene.recovery.resizes = false;
  scene.recovery.retries = scene.recovery.restarts = no_limit;
  return scene;
}

LivesValidation validate_lives(const PublishedLives& lives, const LivesOptions& options,
                               ThreadPool& threads) {
  LivesValidation out{
      .times = lives.times, .assumed = lives.assumed, .options = options, .results = {}};
  for (const PublishedLife& life : lives.cases) {
    out.results.push_back(result_of(life, lives, options, threads));
  }
  return out;
}

std::vector<std::string> broken(const LivesValidation& validation) {
  std::vector<std::string> out;
  for (const PublishedLifeResult& result : validation.results) {
    const std::string place =
        fmt::format("catalog/published/lives.toml:{}: {}", result.life.line, result.life.name);
    if (result.done < validation.options.replicas) {
      out.push_back(fmt::format("{}: only {} of {} lives came to their end", place, result.done,
                                validation.options.replicas));
    }
    for (const ExpectationResult& one : result.expected) {
      if (one.kept.value_or(true)) continue;
      out.push_back(fmt::format("{}: {} is {:.4g}, and must be from {:g} to {:g} ({})", place,
                                name_of(one.expected.what), one.simulated, *one.expected.least,
                                *one.expected.most, one.expected.why));
    }
  }
  return out;
}

}  // namespace celere::study
