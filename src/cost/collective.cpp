#include "cost/collective.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace celere::cost {
namespace {

using spec::Collective;
using topology::GroupShape;

constexpr double all_to_all_inside = 0.9;  // of what rings reach inside a domain
// Of a ring's bandwidth [NCCL, src/graph/tuning.cc].
constexpr double tree_of_ring = 0.92;
constexpr double recursive_of_ring = 0.75;
// No collective is faster than its bytes over so many times the link: NVLS reaches 480 GB/s on
// H100's 450.
constexpr double link_bound = 1.1;

double log2_of(double count) { return std::log2(std::max(1.0, count)); }

// Bytes over the slowest link, as nccl-tests counts "bus bandwidth", a byte of the buffer.
double bus_factor(Collective op, double ranks) {
  return (op == Collective::all_reduce ? 2 : 1) * (ranks - 1) / ranks;
}

}  // namespace

Collectives::Curves Collectives::curves_of(const spec::Chip& chip) {
  Curves curves;
  for (const spec::CollectiveCurve& curve : chip.collectives) {
    LogCurve logs{.gpus = curve.gpus, .log_bytes = {}, .log_seconds = {}};
    for (const double bytes : curve.bytes) logs.log_bytes.push_back(std::log(bytes));
    for (const double seconds : curve.seconds) logs.log_seconds.push_back(std::log(seconds));
    // A short run that took longer than one with more bytes was disturbed.
    for (std::size_t i = logs.log_seconds.size(); i-- > 1;)
      logs.log_seconds[i - 1] = std::min(logs.log_seconds[i - 1], logs.log_seconds[i]);
    curves[static_cast<std::size_t>(curve.op)].push_back(std::move(logs));
  }
  return curves;
}

Collectives::Collectives(const spec::Chip& chip, const topology::Fabric& fabric,
                         double all_to_all_of_ring, const Collectives* like)
    : fabric_(fabric), all_to_all_of_ring_(all_to_all_of_ring) {
  curves_ = like != nullptr ? like->curves_ : std::make_shared<const Curves>(curves_of(chip));
  if (chip.nvlink_bandwidth.known()) link_ = *chip.nvlink_bandwidth.value;
}

// A group size without a curve takes the nearest one's at the same bytes on a link.
Seconds Collectives::measured(Collective op, Bytes bytes, int ranks) const {
  const auto& curves = (*curves_)[static_cast<std::size_t>(op)];
  const LogCurve* nearest = nullptr;
  for (const LogCurve& curve : curves) {
    if (nearest == nullptr || std::abs(curve.gpus - ranks) < std::abs(nearest->gpus - ranks))
      nearest = &curve;
  }
  const double least = bytes.in_base() * bus_factor(op, ranks) / (link_bound * link_.in_base());
  if (nearest == nullptr) {
    const topology::Level& inner = fabric_.levels.front();
    const double reached = op == Collective::all_to_all ? all_to_all_inside : 1;
    return bytes * bus_factor(op, ranks) / (reached * inner.bandwidth) +
           log2_of(ranks) * inner.latency;
  }
  const double scaled = bytes.in_base() * bus_factor(op, ranks) / bus_factor(op, nearest->gpus);
  const double x = std::log(std::max(1.0, scaled));
  const std::vector<double>& sizes = nearest->log_bytes;
  const std::vector<double>& times = nearest->log_seconds;
  double log_time = times.front();
  if (x >= sizes.back()) {
    log_time = times.back() + (x - sizes.back());
  } else if (x > sizes.front()) {
    const auto above = std::upper_bound(sizes.begin(), sizes.end(), x);
    const std::size_t low = static_cast<std::size_t>(above - sizes.begin()) - 1;
    const double weight = (x - sizes[low]) / (sizes[low + 1] - sizes[low]);
    log_time = times[low] + weight * (times[low + 1] - times[low]);
  }
  return Seconds::of(std::max(least, std::exp(log_time)));
}

CollectiveTime Collectives::time(Collective op, Bytes bytes, GroupShape group) const {
  if (group.size <= 1 || bytes == Bytes{}) return {};
  const int inside = topology::members_within(group, fabric_.levels.front().gpus);
  if (inside >= group.size) {
    return {measured(op, bytes, group.size), CollectiveAlgorithm::measured_curve};
  }
  if (op == Collective::all_to_all)
    return {all_to_all(bytes, group, [](double) { return 1.0; }), CollectiveAlgorithm::pairwise};
  return op == Collective::all_reduce ? all_reduce(bytes, group, inside)
                                      : gather(op, bytes, group, inside);
}

// What every algorithm between domains is made of.
struct Collectives::Parts {
  double domains;       // m
  Seconds hop, hops;    // l, and the latencies of a ring
  Seconds ring, ports;  // the bytes of a ring; those between domains, each rank's part on its port
};

Collectives::Parts Collectives::parts(Bytes bytes, GroupShape group, int inside) const {
  const GroupShape between = topology::one_in_each_domain(group, fabric_.levels.front().gpus);
  const double n = group.size, k = inside, m = between.size;
  const Seconds hop = crossing(group).latency;
  return {.domains = m,
          .hop = hop,
          .hops = (m - 1) * hop + (n - m) * fabric_.levels.front().latency,
          .ring = bytes * ((n - 1) / n) / topology::ring_bandwidth(fabric_, group),
          .ports = (bytes / k) * ((m - 1) / m) / topology::ring_bandwidth(fabric_, between)};
}

// All-gather or reduce-scatter.
CollectiveTime Collectives::gather(Collective op, Bytes bytes, GroupShape group, int inside) const {
  const Parts part = parts(bytes, group, inside);
  const CollectiveTime ring{part.hops + part.ring, CollectiveAlgorithm::ring};
  const CollectiveTime other =
      inside == 1
          ? CollectiveTime{log2_of(part.domains) * part.hop + part.ring / recursive_of_ring,
                           CollectiveAlgorithm::recursive}
          : CollectiveTime{(part.domains - 1) * part.hop + part.ports + measured(op, bytes, inside),
                           CollectiveAlgorithm::hierarchical};
  return other.time < ring.time ? other : ring;
}

CollectiveTime Collectives::all_reduce(Bytes bytes, GroupShape group, int inside) const {
  const Parts part = parts(bytes, group, inside);
  CollectiveTime best{2 * (part.hops + part.ring), CollectiveAlgorithm::ring};
  const auto offer = [&best](Seconds time, CollectiveAlgorithm algorithm) {
    if (time < best.time) best = {time, algorithm};
  };
  const Seconds in_domain =
      inside == 1 ? Seconds{} : measured(Collective::all_reduce, bytes, inside);
  offer(2 * log2_of(part.domains) * part.hop + max(in_domain, 2 * part.ports / tree_of_ring),
        CollectiveAlgorithm::tree);
  if (inside > 1) {
    offer(2 * ((part.domains - 1) * part.hop + part.ports) +
              measured(Collective::reduce_scatter, bytes, inside) +
              measured(Collective::all_gather, bytes, inside),
          CollectiveAlgorithm::hierarchical);
  }
  return best;
}

// The level at which the last members of the group meet.
const topology::Level& Collectives::crossing(GroupShape group) const {
  for (const topology::Level& level : fabric_.levels) {
    if (topology::members_within(group, level.gpus) >= group.size) return level;
  }
  return fabric_.levels.back();
}

// Every rank has an equal part for every other: at each level those must cross that are for ranks
// beyond the level below.
Seconds Collectives::all_to_all(Bytes bytes, GroupShape group,
                                const std::function<double(double)>& share_of) const {
  const double n = group.size;
  double inside = topology::members_within(group, fabric_.levels.front().gpus);
  const topology::Level& inner = fabric_.levels.front();
  Seconds slowest =
      share_of(n) * bytes * ((inside - 1) / n) / (all_to_all_inside * inner.bandwidth);
  for (std::size_t i = 1; i < fabric_.levels.size() && inside < n; ++i) {
    const topology::Level& level = fabric_.levels[i];
    slowest = max(slowest, share_of(n / inside) * bytes * ((n - inside) / n) /
                               (all_to_all_of_ring_ * level.bandwidth));
    inside = topology::members_within(group, level.gpus);
  }
  return slowest + crossing(group).latency + inner.latency;
}

Seconds Collectives::once_each(Bytes bytes, GroupShape group, int copies, int domains_most) const {
  if (group.size <= 1 || bytes == Bytes{}) return {};
  const double ranks = group.size;
  const auto share_of = [&](double domains) {
    double reached = domains * (1 - std::pow(1 - 1 / domains, copies));
    if (domains < ranks && domains_most > 0) reached = std::min<double>(reached, domains_most);
    return reached / copies;
  };
  if (topology::members_within(group, fabric_.levels.front().gpus) >= group.size) {
    return measured(Collective::all_to_all, share_of(ranks) * bytes, group.size);
  }
  return all_to_all(bytes, group, share_of);
}

Seconds Collectives::point_to_point(Bytes bytes, std::int64_t distance) const {
  const topology::Level& level =
      fabric_.levels[static_cast<std::size_t>(fabric_.level_spanning(distance + 1))];
  return level.latency + bytes / level.bandwidth;
}

}  // namespace celere::cost
