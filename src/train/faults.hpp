// Faults on purpose, so that their recovery is seen to work: numbers spoiled in a step, a slow
// processor, a full disk. They come by orders of the agent alone (wire/orders.hpp); a training that
// is not given these objects has no way to make one.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "checkpoint/storage_before.hpp"
#include "train/step_hooks.hpp"
#include "wire/orders.hpp"

namespace celere::train {

// Spoils the steps behind the moment at which it is told to.
class FaultySteps final : public StepHooks {
 public:
  // Both must outlive it.
  FaultySteps(const Clock& clock, const CpuTime& time) : clock_(&clock), time_(&time) {}

  // Of any thread. Full disks are not its matter.
  void add(const wire::Fault& fault);

  // A slow processor: works for nothing, (factor - 1) times as long as the step before computed in
  // earnest.
  void step_begins(Seconds computed) override;
  // A NaN, before the sums: it comes to all ranks that share the gradient.
  void gradients_zeroed(nn::Parameters& parameters, bool in_check) override;
  void gradients_summed(nn::Parameters& parameters) override;
  void weights_updated(nn::Parameters& parameters) override;

 private:
  template <typename Kind>
  std::vector<Kind> take(bool (*wanted)(const Kind&));

  const Clock* clock_;
  const CpuTime* time_;
  std::mutex mutex_;
  std::vector<wire::Fault> waiting_;
  // The slow one; the last that was told counts.
  wire::SlowFault slow_;
  std::int64_t slow_steps_ = 0;
  Instant slow_until_;
  Seconds burnt_{};  // in the last step
};

// Turns over one bit: of all numbers in this rank's shards (of its weights or their gradients), one
// behind the other without the padding, bit which mod 32 of number (which / 32) mod all.
void flip_bit(nn::Parameters& parameters, const wire::FlipBitFault& fault);

// A disk that is full as often as it is told to: the next streams fail, one for each save of a
// rank. Everything else is that of the disk behind it.
class FaultyStorage final : public checkpoint::StorageBefore {
 public:
  using StorageBefore::StorageBefore;
  void hear(const wire::Fault& fault) {
    if (const auto* full = std::get_if<wire::DiskFullFault>(&fault)) full_ += full->saves;
  }

  Result<std::unique_ptr<checkpoint::Sink>> create(const std::string& path) override;

 private:
  std::atomic<std::int64_t> full_ = 0;
};

}  // namespace celere::train
