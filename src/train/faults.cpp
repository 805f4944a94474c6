#include "train/faults.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "nn/optimizer.hpp"

namespace celere::train {

void FaultySteps::add(const wire::Fault& fault) {
  if (std::holds_alternative<wire::DiskFullFault>(fault)) return;
  const std::lock_guard lock(mutex_);
  waiting_.push_back(fault);
}

template <typename Kind>
std::vector<Kind> FaultySteps::take(bool (*wanted)(const Kind&)) {
  const std::lock_guard lock(mutex_);
  std::vector<Kind> out;
  std::erase_if(waiting_, [&](const wire::Fault& fault) {
    const Kind* kind = std::get_if<Kind>(&fault);
    if (kind == nullptr || !wanted(*kind)) return false;
    out.push_back(*kind);
    return true;
  });
  return out;
}

void FaultySteps::step_begins(Seconds computed) {
  for (const wire::SlowFault& slow : take<wire::SlowFault>([](const auto&) { return true; })) {
    slow_ = slow;
    slow_steps_ = slow.steps.value_or(std::numeric_limits<std::int64_t>::max());
    slow_until_ = slow.time_s ? clock_->now() + Seconds::of(*slow.time_s)
                              : Instant{std::numeric_limits<std::int64_t>::max()};
  }
  const Seconds own = computed - std::exchange(burnt_, Seconds{});
  if (slow_steps_ <= 0 || clock_->now() >= slow_until_) return;
  --slow_steps_;
  burnt_ = own * (slow_.factor - 1);
  const Seconds end = time_->used() + burnt_;
  while (time_->used() < end) {
  }
}

void FaultySteps::gradients_zeroed(nn::Parameters& parameters, bool in_check) {
  if (in_check) return;
  if (take<wire::NanFault>([](const auto&) { return true; }).empty()) return;
  const nn::Bucket& bucket = *parameters.buckets().front();
  const bool whole = parameters.mesh().layout().zero_stage < 2;
  (whole ? bucket.gradients() : bucket.gradient_shard())[0] = std::nan("");
}

void FaultySteps::gradients_summed(nn::Parameters& parameters) {
  for (const auto& fault :
       take<wire::FlipBitFault>([](const wire::FlipBitFault& it) { return !it.in_weight; })) {
    flip_bit(parameters, fault);
  }
}

void FaultySteps::weights_updated(nn::Parameters& parameters) {
  for (const auto& fault :
       take<wire::FlipBitFault>([](const wire::FlipBitFault& it) { return it.in_weight; })) {
    flip_bit(parameters, fault);
  }
}

void flip_bit(nn::Parameters& parameters, const wire::FlipBitFault& fault) {
  std::int64_t all = 0;
  std::vector<nn::Optimizer::Piece> pieces;
  for (const nn::Parameter& p : parameters.all()) {
    pieces.push_back(nn::piece_of(p, *parameters.buckets()[p.bucket]));
    all += pieces.back().count;
  }
  if (all == 0) return;
  std::int64_t element = fault.which / 32 % all;
  for (const nn::Optimizer::Piece& piece : pieces) {
    if (element >= piece.count) {
      element -= piece.count;
      continue;
    }
    const at::Tensor& shard =
        fault.in_weight ? piece.bucket->value_shard() : piece.bucket->gradient_shard();
    auto* byte = static_cast<std::uint8_t*>(shard.mutable_data_ptr()) +
                 (piece.in_shard + element) * static_cast<std::int64_t>(shard.element_size());
    const std::int64_t bit = fault.which % 32;
    byte[bit / 8] = static_cast<std::uint8_t>(byte[bit / 8] ^ (1 << bit % 8));
    return;
  }
}

Result<std::unique_ptr<checkpoint::Sink>> FaultyStorage::create(const std::string& path) {
  std::int64_t left = full_.load();
  while (left > 0 && !full_.compare_exchange_weak(left, left - 1)) {
  }
  if (left > 0) return Error{ErrorCode::io, path + ": cannot be written: No space left", {}};
  return StorageBefore::create(path);
}

}  // namespace celere::train
