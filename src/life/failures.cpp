#include "life/failures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"

namespace celere::life {
namespace {

constexpr double endless = 9e18;  // nanoseconds: past every horizon

}  // namespace

FailureSource::FailureSource(const Scene& scene, int first, int count, Nanoseconds born,
                             std::vector<int> causes)
    : scene_(&scene), first_(first), count_(count), born_(born), causes_(std::move(causes)) {
  CHECK(count >= 1);
  for (const int cause : causes_) {
    rate_ += scene.causes[static_cast<std::size_t>(cause)].rate.in_base();
    up_to_.push_back(rate_);
  }
}

double FailureSource::age_at(double hazard) const {
  const Cause& cause = scene_->causes[static_cast<std::size_t>(causes_.front())];
  if (cause.weibull != 1) {
    const double span = cause.span.in_base();
    return span * std::pow(hazard / (rate_ * span), 1 / cause.weibull);
  }
  const double early = scene_->early_time.in_base();
  const double factor = cause.of_parts ? scene_->early_factor : 1;
  const double at_early = rate_ * factor * early;
  if (hazard <= at_early) return hazard / (rate_ * factor);
  return early + (hazard - at_early) / rate_;
}

Failure FailureSource::next(Prng& prng, const std::vector<Node>& lemons) {
  hazard_ += prng.exponential(Seconds::of(1)).in_base() / count_;
  Failure out;
  const double at = static_cast<double>(born_) + age_at(hazard_) * 1e9;
  out.at = at < endless ? std::llround(at) : std::numeric_limits<Nanoseconds>::max();
  const double which = prng.uniform() * rate_;
  const auto found = std::ranges::upper_bound(up_to_, which);
  const auto index = std::min<std::ptrdiff_t>(found - up_to_.begin(), std::ssize(causes_) - 1);
  out.cause = causes_[static_cast<std::size_t>(index)];
  const bool of_parts = scene_->causes[static_cast<std::size_t>(out.cause)].of_parts;
  const bool lemon = prng.uniform() < scene_->lemon_failures && of_parts;
  const double whom = prng.uniform();
  out.idle_draw = prng.uniform();
  if (lemon && !lemons.empty()) {
    out.target = lemons[static_cast<std::size_t>(whom * static_cast<double>(lemons.size()))];
  } else {
    out.target = first_ + std::min(static_cast<int>(whom * count_), count_ - 1);
  }
  return out;
}

std::vector<FailureSource> failure_sources(const Scene& scene, Nanoseconds late) {
  std::vector<std::vector<int>> ages;  // causes that age alike
  std::vector<int> constant, even;
  for (int i = 0; i < static_cast<int>(scene.causes.size()); ++i) {
    const Cause& cause = scene.causes[static_cast<std::size_t>(i)];
    if (!(cause.rate > PerSecond{})) continue;
    if (cause.weibull == 1) {
      (cause.of_parts ? constant : even).push_back(i);
    } else {
      ages.push_back({i});
    }
  }
  for (const std::vector<int>& alike : {constant, even}) {
    if (!alike.empty()) ages.push_back(alike);
  }
  std::vector<FailureSource> out;
  for (const std::vector<int>& causes : ages) {
    if (scene.by_slot) {
      out.emplace_back(scene, 0, scene.layouts.front().nodes, 0, causes);
      continue;
    }
    int before = 0;
    for (const Tranche& tranche : scene.tranches) {
      if (tranche.nodes == before) continue;
      const Nanoseconds born = there_at(tranche, late);
      out.emplace_back(scene, before, tranche.nodes - before, born, causes);
      before = tranche.nodes;
    }
  }
  return out;
}

std::vector<Node> draw_lemons(const Scene& scene, Prng& prng) {
  const auto nodes = static_cast<std::uint64_t>(scene.nodes());
  const auto wanted =
      static_cast<std::size_t>(std::llround(scene.lemon_share * static_cast<double>(nodes)));
  std::vector<Node> out;
  while (!scene.by_slot && out.size() < wanted) {
    const auto node = static_cast<Node>(prng.below(nodes));
    const auto place = std::ranges::lower_bound(out, node);
    if (place == out.end() || *place != node) out.insert(place, node);
  }
  return out;
}

}  // namespace celere::life
