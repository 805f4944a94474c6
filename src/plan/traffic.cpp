#include "plan/traffic.hpp"

#include <limits>

namespace celere::plan {

using layout::Layout;

const std::vector<ReplicaChoice>& Traffic::choices(const Layout& layout) {
  const int replicas = layout.dp * layout.cp;
  return choices_.get(replicas, [&] { return scene_.space().replicas(layout.tp, replicas); });
}

const std::vector<cost::ReplicaTraffic>& Traffic::of(const Layout& layout,
                                                     const cost::ParameterShare& heaviest) {
  const Key key{layout.pp, layout.dp, layout.ep, layout.etp, static_cast<int>(layout.order),
                heaviest};
  return traffic_.get(key, [&] { return traffic_of(layout, heaviest); });
}

std::vector<cost::ReplicaTraffic> Traffic::traffic_of(Layout layout,
                                                      const cost::ParameterShare& heaviest) {
  const std::vector<ReplicaChoice>& all = choices(layout);
  std::vector<cost::ReplicaTraffic> traffic(all.size());
  if (layout.dp * layout.cp == 1) return traffic;
  const cost::StepModel& model = scene_.model();
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::size_t same = 0;
    while (all[same].shard != all[i].shard ||
           !model.same_traffic(all[same].zero_stage, all[i].zero_stage)) {
      ++same;
    }
    if (same < i) {
      traffic[i] = traffic[same];
      continue;
    }
    layout.zero_stage = all[i].zero_stage;
    layout.shard = all[i].shard;
    traffic[i] = model.replica_traffic(heaviest, layout);
  }
  return traffic;
}

Seconds Traffic::exposed(const Replicas& one, int zero_stage, const cost::ReplicaTraffic& traffic,
                         Seconds each) const {
  Seconds sum;
  for (const Training::Phase& phase : scene_.training(one.training).phases) {
    const double batches = one.batches_of(phase.global_batch);
    sum += phase.steps * scene_.model().exposed(traffic, zero_stage, batches, each);
  }
  return sum;
}

Seconds Traffic::exposed_min(const Replicas& one, const Layout& layout,
                             const cost::ParameterShare& heaviest, Seconds each) {
  const std::vector<ReplicaChoice>& all = choices(layout);
  const std::vector<cost::ReplicaTraffic>& traffic = of(layout, heaviest);
  Seconds least = Seconds::of(std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < all.size(); ++i) {
    least = min(least, exposed(one, all[i].zero_stage, traffic[i], each));
  }
  return least;
}

}  // namespace celere::plan
