#include "infer/sampling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/prng.hpp"

namespace celere::infer {
namespace {

bool less_likely(const Candidate& a, const Candidate& b) {
  return a.probability < b.probability || (a.probability == b.probability && a.token > b.token);
}

double sum_of(const std::vector<Candidate>& all) {
  double sum = 0;
  for (const Candidate& one : all) sum += one.probability;
  return sum;
}

// A heap gives the likeliest one by one, so that a large vocabulary is not sorted for a few.
std::vector<Candidate> likeliest(std::vector<Candidate> all, const Sampling& sampling) {
  const auto k = static_cast<std::size_t>(sampling.top_k);
  if (k > 0 && k < all.size()) {
    std::nth_element(all.begin(), all.begin() + sampling.top_k - 1, all.end(),
                     [](const Candidate& a, const Candidate& b) { return less_likely(b, a); });
    all.resize(k);
  }
  const double enough = sampling.top_p * sum_of(all);
  std::make_heap(all.begin(), all.end(), less_likely);
  std::vector<Candidate> chosen;
  double reached = 0;
  while (!all.empty() && (sampling.top_p >= 1 || reached < enough)) {
    std::pop_heap(all.begin(), all.end(), less_likely);
    chosen.push_back(all.back());
    reached += all.back().probability;
    all.pop_back();
  }
  return chosen;
}

}  // namespace

std::vector<Candidate> candidates(std::span<const float> logits, const Sampling& sampling) {
  CHECK(!logits.empty());
  CHECK(sampling.temperature >= 0 && sampling.top_p > 0 && sampling.top_k >= 0);
  const auto top = std::max_element(logits.begin(), logits.end());  // the first of equals
  if (sampling.temperature == 0) {
    return {{static_cast<std::int32_t>(top - logits.begin()), 1.0}};
  }
  std::vector<Candidate> all;
  all.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double below = static_cast<double>(logits[i]) - static_cast<double>(*top);
    all.push_back({static_cast<std::int32_t>(i), std::exp(below / sampling.temperature)});
  }
  if (sampling.top_k > 0 || sampling.top_p < 1) all = likeliest(std::move(all), sampling);
  const double sum = sum_of(all);
  for (Candidate& one : all) one.probability /= sum;
  return all;
}

Result<std::int32_t> pick(std::span<const float> logits, const Sampling& sampling,
                          std::int64_t position) {
  const auto wrong =
      std::find_if(logits.begin(), logits.end(), [](float logit) { return !std::isfinite(logit); });
  if (wrong != logits.end()) {
    return Error{ErrorCode::corrupt,
                 fmt::format("the model gives token {} the logit {}: its weights are no good",
                             wrong - logits.begin(), *wrong),
                 {}};
  }
  const std::vector<Candidate> from = candidates(logits, sampling);
  double left = Prng(sampling.seed, static_cast<std::uint64_t>(position)).uniform();
  for (const Candidate& one : from) {
    left -= one.probability;
    if (left < 0) return one.token;
  }
  return from.back().token;  // where rounding left the sum below one
}

}  // namespace celere::infer
