#include "train/steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.hpp"

namespace celere::train {

Result<Steps> Steps::make(const spec::Batch& batch, std::int64_t sequence, double tokens) {
  if (batch.kind == spec::BatchKind::range) {
    return bad_input("train.batch: a range is for planning; a training needs one batch, or a ramp");
  }
  const auto samples_for = [&](double count) {
    return static_cast<std::int64_t>(std::ceil(count / static_cast<double>(sequence) - 1e-9));
  };
  const std::int64_t samples = std::max<std::int64_t>(1, samples_for(tokens));
  Steps steps;
  std::int64_t step = 0, sample = 0;
  for (std::size_t i = 0; i < batch.phases.size() && sample < samples; ++i) {
    const bool last = i + 1 == batch.phases.size();
    const std::int64_t until =
        last ? samples : std::min(samples, samples_for(batch.phases[i + 1].from.in_base()));
    if (until <= sample) continue;  // the phase before overshot it
    const std::int64_t sequences = batch.phases[i].sequences;
    const std::int64_t count = (until - sample + sequences - 1) / sequences;
    steps.phases_.push_back({step, step + count, sample, sequences});
    step += count;
    sample += count * sequences;
  }
  CHECK(!steps.phases_.empty());
  return steps;
}

StepSamples Steps::at(std::int64_t step) const {
  const auto phase = std::find_if(phases_.begin(), phases_.end(),
                                  [&](const Phase& p) { return step < p.step_end; });
  CHECK(phase != phases_.end());
  return {phase->sample_begin + (step - phase->step_begin) * phase->sequences, phase->sequences};
}

}  // namespace celere::train
