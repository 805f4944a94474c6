#include "plan/space.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace celere::plan {
namespace {

using layout::CpMethod;
using layout::Layout;
using layout::Partition;
using layout::RankOrder;
using layout::Recompute;
using layout::Schedule;

// The wished value alone, or those that are given.
template <typename T>
std::vector<T> wished_or(const std::optional<T>& wish, std::vector<T> values) {
  return wish ? std::vector<T>{*wish} : std::move(values);
}

}  // namespace

std::vector<int> divisors_of(std::int64_t number) {
  std::vector<int> small, large;
  for (std::int64_t i = 1; i * i <= number; ++i) {
    if (number % i != 0) continue;
    small.push_back(static_cast<int>(i));
    if (i != number / i) large.push_back(static_cast<int>(number / i));
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

Space::Space(const layout::Shape& shape, const spec::LayoutWish& wish, const spec::Stack& stack,
             std::vector<std::int64_t> domains, bool coarse)
    : shape_(shape), wish_(wish), stack_(stack), domains_(std::move(domains)), coarse_(coarse) {
  for (const int tp : wished_or(wish.tp, divisors_of(shape.heads))) {
    for (const bool sp : wished_or(wish.sequence_parallel, {false, true})) {
      for (const int cp :
           wished_or(wish.cp, divisors_of(std::max<std::int64_t>(1, shape.sequence / 2)))) {
        std::vector<CpMethod> methods = {CpMethod::ring};
        if (cp > 1) methods = {CpMethod::ring, CpMethod::all_gather};
        if (cp > 1 && !coarse) methods.push_back(CpMethod::all_to_all);
        for (const CpMethod method : wished_or(wish.cp_method, methods)) {
          Layout split;
          split.tp = tp;
          split.sequence_parallel = sp;
          split.cp = cp;
          split.cp_method = method;
          dense_splits_.push_back(split);
        }
      }
    }
  }
  // The usual first: tp = 8, little cp. Good layouts found early make the bounds bite.
  const auto unusual = [](const Layout& split) {
    return std::pair(std::abs(std::log2(split.tp / 8.0)), split.cp);
  };
  std::stable_sort(dense_splits_.begin(), dense_splits_.end(),
                   [&](const Layout& a, const Layout& b) { return unusual(a) < unusual(b); });
  const std::vector<bool> offload = coarse ? std::vector{false} : std::vector{false, true};
  for (const bool optimizer : wished_or(wish.offload_optimizer, offload)) {
    for (const bool activations : wished_or(wish.offload_activations, {false, true})) {
      offloads_.push_back({.optimizer = optimizer, .activations = activations});
    }
  }
  ep_ = wished_or(wish.ep, shape.experts > 0 ? divisors_of(shape.experts) : std::vector<int>{1});
  std::vector<int> etp = {1};
  if (shape.experts > 0) {
    etp = divisors_of(shape.expert_ffn);
    const std::int64_t domain = domains_.front();
    std::erase_if(etp, [&](int degree) {
      return degree > domain || (coarse && degree > 1 && degree < domain);
    });
  }
  etp_ = wished_or(wish.etp, std::move(etp));
}

std::vector<int> Space::micro_batches(std::int64_t batch) const {
  std::vector<int> values = divisors_of(batch);
  if (coarse_) std::erase_if(values, [](int value) { return value > 4; });
  return wished_or(wish_.micro_batch, values);
}

std::vector<int> Space::pp() const {
  std::vector<int> degrees;
  for (int pp = 1; pp <= shape_.layers + 2; ++pp) {
    if (!coarse_ || shape_.layers % pp == 0) degrees.push_back(pp);
  }
  return wished_or(wish_.pp, std::move(degrees));
}

std::vector<RankOrder> Space::orders(int pp) const {
  std::vector<RankOrder> orders = {RankOrder::tp_cp_dp_pp};
  if (pp > 1) orders.push_back(RankOrder::tp_cp_pp_dp);
  return wished_or(wish_.order, std::move(orders));
}

std::vector<PipelineChoice> Space::pipelines(int pp) const {
  std::vector<PipelineChoice> choices;
  std::vector<Schedule> schedules = {Schedule::one_f_one_b};
  if (pp > 1 && !stack_.schedules.empty()) schedules = stack_.schedules;
  for (const Schedule schedule : wished_or(wish_.schedule, schedules)) {
    std::vector<int> vpps = {1};
    if (schedule == Schedule::interleaved) {
      vpps.clear();
      for (int vpp = 2; vpp * pp <= shape_.layers + 2; ++vpp) vpps.push_back(vpp);
    }
    for (const int vpp : wished_or(wish_.vpp, vpps)) {
      for (const Partition partition :
           wished_or(wish_.partition, {Partition::even, Partition::balanced})) {
        // With one stage both partitions are the same.
        const bool same = pp == 1 || coarse_;
        if (same && partition == Partition::balanced && !wish_.partition) continue;
        choices.push_back({.vpp = vpp, .schedule = schedule, .partition = partition});
      }
    }
  }
  return choices;
}

std::vector<RecomputeChoice> Space::recomputes(int layers) const {
  std::vector<Recompute> kinds = {Recompute::none};
  // A fused attention core keeps no scores, so there is nothing that selective recomputation would
  // free.
  if (!stack_.fused_attention) kinds.push_back(Recompute::selective);
  if (!coarse_) kinds.push_back(Recompute::full_for_some);
  kinds.push_back(Recompute::full);
  std::vector<RecomputeChoice> choices;
  for (const Recompute kind : wished_or(wish_.recompute, kinds)) {
    if (kind != Recompute::full_for_some) {
      choices.push_back({.recompute = kind, .layers = 0});
      continue;
    }
    std::vector<int> counts;
    for (int count = 1; count < layers; ++count) counts.push_back(count);
    for (const int count : wished_or(wish_.recompute_layers, counts)) {
      choices.push_back({.recompute = kind, .layers = count});
    }
  }
  return choices;
}

std::vector<int> Space::dp(std::int64_t replicas_and_batches) const {
  if (wish_.dp) return {*wish_.dp};
  return divisors_of(replicas_and_batches);
}

std::vector<ReplicaChoice> Space::replicas(int tp, int replicas) const {
  std::vector<int> stages = {0};
  if (replicas > 1) stages = {0, 1, 2, 3};
  if (replicas > 1 && coarse_) stages = {1};
  // The largest group within a domain of each tier.
  std::vector<int> groups = {0};
  for (const std::int64_t domain : domains_) {
    int largest = 1;
    for (const int divisor : divisors_of(replicas)) {
      if (divisor < replicas && std::int64_t{tp} * divisor <= domain) largest = divisor;
    }
    if (largest > 1 && largest != groups.back()) groups.push_back(largest);
  }
  std::vector<ReplicaChoice> choices;
  for (const int stage : wished_or(wish_.zero_stage, stages)) {
    const std::vector<int> shards = stage > 0 ? groups : std::vector<int>{0};
    for (const int shard : wished_or(wish_.shard, shards)) {
      choices.push_back({.zero_stage = stage, .shard = shard});
    }
  }
  return choices;
}

}  // namespace celere::plan
