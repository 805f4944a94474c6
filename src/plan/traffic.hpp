// What replicas exchange, remembered: of all the layouts below a cut it depends on the pipeline's
// depth, the replicas, the rank order, where the experts lie, and the parameters of the heaviest
// stage alone.
#pragma once

#include <map>
#include <vector>

#include "plan/scene.hpp"

namespace celere::plan {

// A map that makes what it is asked for. References stay valid.
template <typename Key, typename Value>
class Memo {
 public:
  template <typename Make>
  const Value& get(const Key& key, const Make& make) {
    const auto found = known_.find(key);
    return found != known_.end() ? found->second : known_.emplace(key, make()).first->second;
  }

 private:
  std::map<Key, Value> known_;
};

class Traffic {
 public:
  explicit Traffic(const Scene& scene) : scene_(scene) {}

  // How the replicas of a layout may share their state: reads tp, cp and dp.
  const std::vector<ReplicaChoice>& choices(const layout::Layout& layout);

  // For each of choices(layout). REQUIRES: the cut (tp, cp) is always the same.
  const std::vector<cost::ReplicaTraffic>& of(const layout::Layout& layout,
                                              const cost::ParameterShare& heaviest);

  // What of it is exposed in all steps beside micro-batches that take `each`.
  Seconds exposed(const Replicas& one, int zero_stage, const cost::ReplicaTraffic& traffic,
                  Seconds each) const;
  // The least of all choices.
  Seconds exposed_min(const Replicas& one, const layout::Layout& layout,
                      const cost::ParameterShare& heaviest, Seconds each);

 private:
  struct Key {
    int pp, dp, ep, etp, order;
    cost::ParameterShare heaviest;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  std::vector<cost::ReplicaTraffic> traffic_of(layout::Layout layout,
                                               const cost::ParameterShare& heaviest);

  const Scene& scene_;
  Memo<Key, std::vector<cost::ReplicaTraffic>> traffic_;
  Memo<int, std::vector<ReplicaChoice>> choices_;  // by replicas
};

}  // namespace celere::plan
