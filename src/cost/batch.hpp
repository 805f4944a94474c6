// How many tokens and steps a training takes at a batch.
//
//   tokens(B) = D (1 + 0.2 B / B*)       [the form of McCandlish et al. 2018, eq. 2.11; B* as Zhang
//   et al. 2024 define it]
//
// D are the tokens at a small batch, B* the critical batch: the one that needs 20 % more. Without
// B* the tokens are D.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/units.hpp"
#include "spec/run.hpp"

namespace celere::cost {

Tokens tokens_at_batch(Tokens small_batch_tokens, Tokens batch, std::optional<Tokens> critical);

// The batches of a search, in sequences: all 2^k {4, 5, 6, 7} / 4 between the ends, and the ends.
// Ascending.
std::vector<std::int64_t> searched_batches(std::int64_t low, std::int64_t high);

struct BatchSteps {
  std::int64_t global_batch = 0;  // sequences
  Tokens tokens;
  double steps = 0;
};

// Steps of each phase of a ramp. A phase lasts until the next begins, the last until the tokens are
// done; each needs more tokens by its own batch. Phases that would begin after the end are left
// out.
std::vector<BatchSteps> ramp_steps(const std::vector<spec::BatchPhase>& phases,
                                   std::int64_t sequence, Tokens tokens,
                                   std::optional<Tokens> critical);

}  // namespace celere::cost
