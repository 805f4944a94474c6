#include "cost/batch.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::cost {

Tokens tokens_at_batch(Tokens small_batch_tokens, Tokens batch, std::optional<Tokens> critical) {
  if (!critical) return small_batch_tokens;
  return small_batch_tokens * (1 + 0.2 * (batch / *critical));
}

std::vector<std::int64_t> searched_batches(std::int64_t low, std::int64_t high) {
  CHECK(1 <= low && low <= high);
  std::vector<std::int64_t> batches = {low, high};
  for (std::int64_t power = 1; power <= high; power *= 2) {
    for (const std::int64_t quarters : {4, 5, 6, 7}) {
      if (power * quarters % 4 != 0) continue;
      const std::int64_t batch = power * quarters / 4;
      if (low <= batch && batch <= high) batches.push_back(batch);
    }
  }
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  return batches;
}

std::vector<BatchSteps> ramp_steps(const std::vector<spec::BatchPhase>& phases,
                                   std::int64_t sequence, Tokens tokens,
                                   std::optional<Tokens> critical) {
  std::vector<BatchSteps> steps;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].from >= tokens && i > 0) break;
    const Tokens end = i + 1 < phases.size() ? min(phases[i + 1].from, tokens) : tokens;
    const Tokens batch =
        Tokens::of(static_cast<double>(phases[i].sequences) * static_cast<double>(sequence));
    const Tokens all = tokens_at_batch(end - phases[i].from, batch, critical);
    steps.push_back({.global_batch = phases[i].sequences, .tokens = all, .steps = all / batch});
  }
  return steps;
}

}  // namespace celere::cost
