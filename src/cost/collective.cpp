#include "cost/collective.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace celere::cost {
namespace {

using spec::Collective;
using topology::GroupShape;

// What all-to-all reaches of a port, against the share that rings reach (0.63 against 0.8 of the
// NIC) [fitted on published runs of mixtures of experts: MLPerf Training, NeMo, Megatron-Bridge];
// inside a domain against the ring's.
constexpr double all_to_all_of_ring = 0.63 / 0.8;
constexpr double all_to_all_inside = 0.9;
// No collective is faster than its bytes over so many times the link: NVLS reaches 480 GB/s on
// H100's 450.
constexpr double link_bound = 1.1;

double log2_of(double count) { return std::log2(std::max(1.0, count)); }

// Bytes over the slowest link, as nccl-tests counts "bus bandwidth", a byte of the buffer.
double bus_factor(Collective op, double ranks) {
  return (op == Collective::all_reduce ? 2 : 1) * (ranks - 1) / ranks;
}

}  // namespace

Collectives::Collectives(const spec::Chip& chip, const topology::Fabric& fabric) : fabric_(fabric) {
  for (const spec::CollectiveCurve& curve : chip.collectives) {
    LogCurve logs{.gpus = curve.gpus, .log_bytes = {}, .log_seconds = {}};
    for (const double bytes : curve.bytes) logs.log_bytes.push_back(std::log(bytes));
    for (const double seconds : curve.seconds) logs.log_seconds.push_back(std::log(seconds));
    curves_[static_cast<std::size_t>(curve.op)].push_back(std::move(logs));
  }
  if (chip.nvlink_bandwidth.known()) link_ = *chip.nvlink_bandwidth.value;
}

// A group size without a curve takes the nearest one's, its bandwidth part scaled by (n - 1) / n.
Seconds Collectives::measured(Collective op, Bytes bytes, int ranks) const {
  const auto& curves = curves_[static_cast<std::size_t>(op)];
  const LogCurve* nearest = nullptr;
  for (const LogCurve& curve : curves) {
    if (nearest == nullptr || std::abs(curve.gpus - ranks) < std::abs(nearest->gpus - ranks))
      nearest = &curve;
  }
  const double least = bytes.in_base() * bus_factor(op, ranks) / (link_bound * link_.in_base());
  if (nearest == nullptr) {
    return Seconds::of(bytes.in_base() * bus_factor(op, ranks) /
                       fabric_.levels.front().bandwidth.in_base()) +
           log2_of(ranks) * fabric_.levels.front().latency;
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
    return {all_to_all(bytes, group), CollectiveAlgorithm::pairwise};
  return across(op, bytes, group, inside);
}

CollectiveTime Collectives::across(Collective op, Bytes bytes, GroupShape group, int inside) const {
  const double n = group.size, k = inside, m = std::ceil(n / k);
  const Seconds far = crossing(group).latency, near = fabric_.levels.front().latency;
  const Seconds moved = bytes * ((n - 1) / n) / topology::ring_bandwidth(fabric_, group);
  const Seconds ring = (m - 1) * far + (n - m) * near + moved;
  CollectiveTime best{ring, CollectiveAlgorithm::ring};
  const auto offer = [&best](Seconds time, CollectiveAlgorithm algorithm) {
    if (time < best.time) best = {time, algorithm};
  };
  if (op == Collective::all_reduce) {
    best.time = 2 * ring;
    offer(2 * log2_of(m) * far + 2 * log2_of(k) * near +
              2 * (bytes / topology::ring_bandwidth(fabric_, group)),
          CollectiveAlgorithm::tree);
  } else if (inside == 1) {
    offer(log2_of(m) * far + moved, CollectiveAlgorithm::recursive);
  }
  if (inside > 1) {
    // Each GPU's own port carries its k-th part between the nodes.
    const GroupShape between{
        .size = static_cast<int>(m),
        .stride = group.inner < group.size ? group.jump : group.stride * inside,
        .inner = static_cast<int>(m),
        .jump = 1};
    const Seconds ports =
        (m - 1) * far + (bytes / k) * ((m - 1) / m) / topology::ring_bandwidth(fabric_, between);
    const bool reduces = op == Collective::all_reduce;
    Seconds total = (reduces ? 2.0 : 1.0) * ports;
    if (op != Collective::all_gather) total += measured(Collective::reduce_scatter, bytes, inside);
    if (op != Collective::reduce_scatter) total += measured(Collective::all_gather, bytes, inside);
    offer(total, CollectiveAlgorithm::hierarchical);
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
Seconds Collectives::all_to_all(Bytes bytes, GroupShape group) const {
  const double n = group.size;
  double inside = topology::members_within(group, fabric_.levels.front().gpus);
  const topology::Level& inner = fabric_.levels.front();
  Seconds slowest = bytes * ((inside - 1) / n) / (all_to_all_inside * inner.bandwidth);
  for (std::size_t i = 1; i < fabric_.levels.size() && inside < n; ++i) {
    const topology::Level& level = fabric_.levels[i];
    slowest = max(slowest, bytes * ((n - inside) / n) / (all_to_all_of_ring * level.bandwidth));
    inside = topology::members_within(group, level.gpus);
  }
  return slowest + crossing(group).latency + inner.latency;
}

Seconds Collectives::point_to_point(Bytes bytes, std::int64_t distance) const {
  const topology::Level& level =
      fabric_.levels[static_cast<std::size_t>(fabric_.level_spanning(distance + 1))];
  return level.latency + bytes / level.bandwidth;
}

}  // namespace celere::cost
