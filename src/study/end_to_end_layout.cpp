#include "study/end_to_end_layout.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "layout/legal.hpp"
#include "layout/pipeline.hpp"

namespace celere::study {
namespace {

using layout::Layout;
using layout::Recompute;

constexpr int tp_most = 8, cp_most = 8, ep_most = 64;
constexpr double idle_most = 1.0 / 16;  // of the GPUs, where the degrees do not divide them
constexpr std::int64_t long_sequence = 8192;
constexpr std::array pipelines = {1, 2, 4, 6, 8, 12, 16, 32, 64};
constexpr std::array micro_batches = {1, 2, 4};

struct Chunks {
  int vpp = 1;
  layout::Partition partition = layout::Partition::even;
};

// Even where the layers divide, else balanced; for interleaving chunks of one or two layers.
std::vector<Chunks> chunks_of(int pp, int layers) {
  if (pp == 1) return {Chunks{}};
  std::vector<Chunks> out;
  const bool even = layers % pp == 0;
  out.push_back({1, even ? layout::Partition::even : layout::Partition::balanced});
  for (const int of_chunk : {1, 2, 4}) {
    if (layers % (pp * of_chunk) == 0 && layers / (pp * of_chunk) > 1) {
      out.push_back({layers / (pp * of_chunk), layout::Partition::even});
    } else if ((layers + 2) % (pp * of_chunk) == 0 && (layers + 2) / (pp * of_chunk) > 1) {
      out.push_back({(layers + 2) / (pp * of_chunk), layout::Partition::balanced});
    }
  }
  return out;
}

std::vector<int> powers_to(int most) {
  std::vector<int> out;
  for (int power = 1; power <= most; power *= 2) out.push_back(power);
  return out;
}

class Chooser {
 public:
  Chooser(const cost::StepModel& model, std::int64_t gpus, const WantedBatch& batch)
      : model_(model), gpus_(gpus), batch_(batch.sequences), batch_is_fixed_(batch.fixed) {}

  std::optional<UsualLayout> choose() {
    const cost::Setting& setting = model_.setting();
    const int domain = std::min(tp_most, setting.chip.nvlink_domain);
    const int cp = setting.sequence >= long_sequence ? cp_most : 1;
    for (const int tp : powers_to(domain)) {
      for (const int context : powers_to(cp)) {
        for (const int pp : pipelines) {
          Layout one;
          one.tp = tp;
          one.cp = context;
          one.pp = pp;
          one.sequence_parallel = tp > 1;
          try_replicas(one);
        }
      }
    }
    return best_ ? best_ : smallest_;
  }

 private:
  void try_replicas(Layout one) {
    const std::int64_t model_ranks = std::int64_t{1} * one.tp * one.cp * one.pp;
    one.dp = static_cast<int>(gpus_ / model_ranks);
    if (one.dp == 0 || idle_most * static_cast<double>(gpus_) <
                           static_cast<double>(gpus_ - one.dp * model_ranks)) {
      return;
    }
    for (const Chunks& chunks : chunks_of(one.pp, model_.setting().model.layers)) {
      one.vpp = chunks.vpp;
      one.partition = chunks.partition;
      for (const layout::Schedule schedule : schedules_of(one)) {
        one.schedule = schedule;
        for (const int micro_batch : micro_batches) {
          one.micro_batch = micro_batch;
          try_experts(one);
        }
      }
    }
  }

  std::vector<layout::Schedule> schedules_of(const Layout& one) const {
    using layout::Schedule;
    if (one.vpp > 1) return {Schedule::interleaved};
    const std::vector<Schedule>& known = model_.setting().stack.schedules;
    if (one.pp > 1 && std::count(known.begin(), known.end(), Schedule::dual_pipe) > 0) {
      return {Schedule::one_f_one_b, Schedule::dual_pipe};
    }
    return {Schedule::one_f_one_b};
  }

  void try_experts(Layout one) {
    const auto& experts = model_.setting().model.experts;
    for (const int ep : powers_to(experts ? std::min(ep_most, experts->count) : 1)) {
      one.ep = ep;
      const int replicas = one.dp * one.cp;
      one.zero_stage = replicas > 1 ? 1 : 0;
      try_recompute(one);
      if (one.pp == 1 && one.tp == 1 && replicas > 1 && model_.setting().stack.fused_attention) {
        one.zero_stage = 3;
        try_recompute(one);
      }
    }
  }

  // The least that fits; a bisection over the layers of a chunk.
  void try_recompute(Layout one) {
    const std::int64_t together = std::int64_t{one.dp} * one.micro_batch;
    std::int64_t batch = (batch_ + together - 1) / together * together;
    if (one.vpp > 1) {
      const std::int64_t rounds = together * one.pp;
      batch = (batch_ + rounds - 1) / rounds * rounds;
    }
    if (batch > 2 * batch_) return;
    if (layout::illegal(one, model_.shape(batch))) return;
    if (take(one, batch)) return;
    const int all = layout::longest_chunk(one, model_.setting().model.layers);
    Layout full = one;
    full.recompute = Recompute::full;
    if (!take(full, batch)) return;
    int low = 0, high = all;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      Layout some = one;
      some.recompute = Recompute::full_for_some;
      some.recompute_layers = middle;
      (take(some, batch) ? high : low) = middle;
    }
  }

  // What is compared: the time of a step, or, where the batch is free, of a sequence.
  double work(const cost::StepCost& step, std::int64_t batch) const {
    const double time = step.time.in_base();
    return batch_is_fixed_ ? time : time / static_cast<double>(batch);
  }

  // Whether it fits.
  bool take(const Layout& one, std::int64_t batch) {
    const cost::StepCost step = model_.cost(one, batch);
    const bool fits = model_.fits(step);
    if (fits && (!best_ || work(step, batch) < work(best_->step, best_->global_batch))) {
      best_ = UsualLayout{.layout = one, .global_batch = batch, .step = step};
    }
    if (!fits && (!smallest_ || step.memory_max < smallest_->step.memory_max)) {
      smallest_ = UsualLayout{.layout = one, .global_batch = batch, .step = step, .fits = false};
    }
    return fits;
  }

  const cost::StepModel& model_;
  std::int64_t gpus_, batch_;
  bool batch_is_fixed_;
  std::optional<UsualLayout> best_, smallest_;
};

}  // namespace

std::optional<UsualLayout> usual_layout(const cost::StepModel& model, std::int64_t gpus,
                                        const WantedBatch& batch) {
  return Chooser(model, gpus, batch).choose();
}

}  // namespace celere::study
