#include "launch/standing_out.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <set>

namespace celere::launch {
namespace {

// How much a rank stands out by each measure. Of one that is silent the others say nothing.
std::array<double, 4> measures(const RankKnown& rank) {
  constexpr double none = std::numeric_limits<double>::lowest();
  if (!rank.alive || !rank.beat) return {1, none, none, none};
  return {0, rank.compute_time_s.value_or(0), -static_cast<double>(rank.beat->step),
          rank.beat->phase_time_s};
}

}  // namespace

std::vector<std::int64_t> standing_out(const std::vector<RankKnown>& ranks, std::size_t most) {
  std::vector<std::int64_t> all(ranks.size());
  std::iota(all.begin(), all.end(), 0);
  if (all.size() <= most) return all;
  std::vector<std::array<double, 4>> by_rank;
  by_rank.reserve(ranks.size());
  for (const RankKnown& rank : ranks) by_rank.push_back(measures(rank));
  std::array<std::vector<std::int64_t>, 4> first;  // by each measure
  for (std::size_t measure = 0; measure < first.size(); ++measure) {
    const auto value = [&](std::int64_t rank) {
      return by_rank[static_cast<std::size_t>(rank)][measure];
    };
    first[measure].resize(most);
    std::partial_sort_copy(all.begin(), all.end(), first[measure].begin(), first[measure].end(),
                           [&](std::int64_t a, std::int64_t b) {
                             return value(a) != value(b) ? value(a) > value(b) : a < b;
                           });
  }
  // Who is not silent does not stand out by being silent.
  std::erase_if(first[0],
                [&](std::int64_t rank) { return by_rank[static_cast<std::size_t>(rank)][0] == 0; });
  std::set<std::int64_t> out;
  for (std::array<std::size_t, 4> next{}; out.size() < most;) {
    for (std::size_t measure = 0; measure < first.size() && out.size() < most; ++measure) {
      std::size_t& at = next[measure];
      while (at < first[measure].size() && out.contains(first[measure][at])) ++at;
      if (at < first[measure].size()) out.insert(first[measure][at]);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace celere::launch
