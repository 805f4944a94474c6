#include "launch/hang.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace celere::launch {
namespace {

bool stands_still(const wire::RankSeen& rank) {
  return rank.state == "stopped" || rank.state == "gone";
}

// Those for which `is` holds, of those that were seen.
template <typename Is>
wire::Ranks which(const std::vector<wire::RankSeen>& seen, const Is& is) {
  wire::Ranks out;
  for (const wire::RankSeen& rank : seen) {
    if (is(rank)) out.push_back(rank.rank);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The last that was entered in each group.
std::map<std::string, std::int64_t> furthest(const std::vector<wire::RankSeen>& seen) {
  std::map<std::string, std::int64_t> out;
  for (const wire::RankSeen& rank : seen) {
    if (!rank.collective) continue;
    std::int64_t& most = out[rank.collective->group];
    most = std::max(most, rank.collective->in_group);
  }
  return out;
}

wire::Ranks absent_ranks(const std::vector<wire::RankSeen>& seen, std::int64_t ranks) {
  wire::Ranks out = which(seen, stands_still);
  const wire::Ranks known = which(seen, [](const wire::RankSeen&) { return true; });
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    if (!std::binary_search(known.begin(), known.end(), rank)) out.push_back(rank);
  }
  std::sort(out.begin(), out.end());
  if (!out.empty()) return out;
  const auto waits = [](const wire::RankSeen& rank) { return rank.collective.has_value(); };
  const wire::Ranks busy = which(seen, [&](const wire::RankSeen& rank) { return !waits(rank); });
  if (!busy.empty() && std::ssize(busy) < std::ssize(seen)) return busy;
  const std::map<std::string, std::int64_t> most = furthest(seen);
  return which(seen, [&](const wire::RankSeen& rank) {
    return waits(rank) && rank.collective->in_group < most.at(rank.collective->group);
  });
}

}  // namespace

std::string written(const std::optional<wire::InCollective>& collective) {
  if (!collective) return "";
  return fmt::format("{} number {} of group {}, {} bytes, for {:.1f} s", collective->kind,
                     collective->in_group, collective->group, collective->bytes,
                     collective->time_s);
}

Absent absent_of(const std::vector<wire::RankSeen>& seen, std::int64_t ranks) {
  Absent out{.ranks = absent_ranks(seen, ranks), .text = {}, .collective = {}};
  out.text = out.ranks.empty() ? "not known" : fmt::format("{}", fmt::join(out.ranks, ", "));
  std::map<std::string, int> waiting;  // how many wait in each
  for (const wire::RankSeen& rank : seen) {
    const bool absent = std::binary_search(out.ranks.begin(), out.ranks.end(), rank.rank);
    if (!rank.collective || absent) continue;
    const wire::InCollective& one = *rank.collective;
    ++waiting[fmt::format("{} number {} of group {}", one.kind, one.in_group, one.group)];
  }
  const auto most =
      std::max_element(waiting.begin(), waiting.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != waiting.end()) out.collective = most->first;
  return out;
}

}  // namespace celere::launch
