#include "policy/straggler.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/check.hpp"

namespace celere::policy {
namespace {

// REQUIRES: not empty. Changes the order.
double median(std::span<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace

double least_slow(double factor) { return std::pow(factor, 0.8); }

StragglerDetector::StragglerDetector(std::vector<int> group_of_rank, StragglerSettings settings)
    : settings_(settings), rings_(group_of_rank.size()) {
  std::map<int, Group> groups;
  for (std::size_t rank = 0; rank < group_of_rank.size(); ++rank) {
    groups[group_of_rank[rank]].ranks.push_back(static_cast<Rank>(rank));
  }
  for (auto& [number, group] : groups) {
    if (group.ranks.size() > 1) groups_.push_back(std::move(group));
  }
  const double ranks = std::max<double>(1, static_cast<double>(group_of_rank.size()));
  looks_ = std::sqrt(2 * std::log(1e5 * ranks));
}

// The x of this step, and how much they changed.
void StragglerDetector::compare(Group& group, std::span<const Seconds> times) {
  std::vector<std::pair<double, Rank>> sorted;
  for (const Rank rank : group.ranks) {
    const double time = times[static_cast<std::size_t>(rank)].in_base();
    if (time > 0) sorted.emplace_back(std::log(time), rank);
  }
  if (sorted.size() < 2) return;
  std::ranges::sort(sorted);
  // The median of the others is the middle of the sorted list without the place of this one.
  const std::size_t others = sorted.size() - 1;
  for (std::size_t place = 0; place < sorted.size(); ++place) {
    const auto other = [&](std::size_t i) { return sorted[i < place ? i : i + 1].first; };
    const double middle = (other((others - 1) / 2) + other(others / 2)) / 2;
    const double x = sorted[place].first - middle;
    Ring& ring = rings_[static_cast<std::size_t>(sorted[place].second)];
    ring.values[static_cast<std::size_t>(ring.count++ % long_window)] = x;
  }
  // Of two ranks both changes are the same; of thousands some are enough.
  const std::size_t ranks = group.ranks.size();
  const std::size_t stride = ranks == 2 ? 2 : 1 + (ranks - 1) / changes_of_step;
  for (std::size_t i = 0; i < ranks; i += stride) {
    const auto rank = static_cast<std::size_t>(group.ranks[i]);
    if (rings_[rank].count < 2 || !(times[rank].in_base() > 0)) continue;
    group.changes[static_cast<std::size_t>(group.count++ % changes_kept)] = rings_[rank].change();
  }
}

void StragglerDetector::judge_noise(Group& group) {
  const int count = std::min(group.count, changes_kept);
  if (count == 0) return;
  auto changes = group.changes;
  const double middle = median(std::span(changes).first(static_cast<std::size_t>(count)));
  group.scale = middle / (0.6745 * std::sqrt(2.0)) * (1 + 1.3 / std::sqrt(count));
}

// Of the last `window` values. REQUIRES: there are so many.
StragglerDetector::Location StragglerDetector::location(const Ring& ring, int window,
                                                        double scale) {
  std::array<double, long_window> values{};
  for (int i = 0; i < window; ++i) {
    values[static_cast<std::size_t>(i)] = ring.back(i);
  }
  const auto used = std::span(values).first(static_cast<std::size_t>(window));
  const double middle = median(used);
  Location out;
  for (const double x : used) {
    if (std::abs(x - middle) > 4 * scale) continue;
    out.x += x;
    ++out.values;
  }
  out.x = out.values > 0 ? out.x / out.values : middle;
  return out;
}

std::vector<StragglerDetector::Slow> StragglerDetector::step(std::span<const Seconds> times) {
  CHECK_EQ(times.size(), rings_.size());
  std::vector<Slow> out;
  if (steps_++ < settings_.warm_up) return out;
  for (Group& group : groups_) {
    compare(group, times);
    judge_noise(group);
    const double noise = group.scale;
    for (const Rank rank : group.ranks) {
      const Ring& ring = rings_[static_cast<std::size_t>(rank)];
      for (const int window : {long_window, short_window}) {
        if (ring.count < window) continue;
        const Location found = location(ring, window, noise);
        const double bound = std::max(std::log(least_slow(settings_.factor)),
                                      looks_ * noise / std::sqrt(std::max(found.values, 1.0)));
        if (found.x <= bound) continue;
        out.push_back({rank, std::exp(found.x)});
        break;
      }
    }
  }
  std::ranges::sort(out, {}, &Slow::rank);
  return out;
}

}  // namespace celere::policy
