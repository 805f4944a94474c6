// Which token comes next, from the logits z of all.
//
//   p_i = exp(z_i / temperature) / sum over j of exp(z_j / temperature)
//
// over the candidates: the top_k of greatest logit, and of these, greatest first, as few as have
// top_p of their probability together [Holtzman et al. 2020, section 3.1]. Temperature 0 takes the
// likeliest, of equals the one of the lowest number.
//
// What is drawn is a function of the logits, the seed and the position alone, whatever was drawn
// before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace celere::infer {

struct Sampling {
  double temperature = 0;  // finite, at least 0
  double top_p = 1;        // in (0, 1]
  int top_k = 0;           // at least 0; 0: all
  std::uint64_t seed = 0;
};

struct Candidate {
  std::int32_t token = 0;
  double probability = 0;
};

// Probabilities that sum to one: likeliest first where top_k or top_p choose, else by number.
// REQUIRES: there are logits, all finite; the sampling is as said above.
std::vector<Candidate> candidates(std::span<const float> logits, const Sampling& sampling);

// The token at this position of its sequence. Errors: corrupt, where a logit is not finite.
Result<std::int32_t> pick(std::span<const float> logits, const Sampling& sampling,
                          std::int64_t position);

}  // namespace celere::infer
