#include <cmath>

#include "base/check.hpp"
#include "nn/collectives.hpp"
#include "nn/experts.hpp"

namespace celere::nn {
namespace {

// Only experts of the best groups may be chosen: a group's score is the sum of its two best
// [DeepSeek-V3 2024, 2.1.2].
at::Tensor limited_to_groups(const at::Tensor& scores, const spec::Experts& experts) {
  if (experts.groups <= 1 || experts.group_limit <= 0 || experts.group_limit >= experts.groups) {
    return scores;
  }
  const at::Tensor grouped = scores.view({scores.size(0), experts.groups, -1});
  const std::int64_t best = std::min<std::int64_t>(2, grouped.size(2));
  const at::Tensor of_group = std::get<0>(grouped.topk(best, -1)).sum(-1);
  const at::Tensor allowed = std::get<1>(of_group.topk(experts.group_limit, -1));
  const at::Tensor mask = at::zeros_like(of_group).scatter(1, allowed, 1).unsqueeze(-1);
  return grouped.masked_fill(mask == 0, -std::numeric_limits<double>::infinity())
      .view(scores.sizes());
}

// Slots expert by expert, tokens in order within each.
void place_choices(Routing& routing, const spec::Experts& experts) {
  const std::int64_t tokens = routing.chosen.size(0), k = routing.chosen.size(1);
  const at::Tensor chosen = routing.chosen.cpu().contiguous();
  const std::int64_t* expert = chosen.const_data_ptr<std::int64_t>();
  const auto count = static_cast<std::size_t>(experts.count);
  std::int64_t most = tokens * k;
  if (experts.capacity > 0) {
    most = static_cast<std::int64_t>(
        std::ceil(experts.capacity * static_cast<double>(tokens * k) / static_cast<double>(count)));
  }
  routing.counts.assign(count, 0);
  at::Tensor place = at::empty({tokens, k}, at::kLong);
  std::int64_t* slot = place.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < tokens * k; ++i) {
    std::int64_t& used = routing.counts[static_cast<std::size_t>(expert[i])];
    slot[i] = used < most ? used++ : -1;
  }
  std::vector<std::int64_t> first(count, 0);
  for (std::size_t e = 1; e < count; ++e) first[e] = first[e - 1] + routing.counts[e - 1];
  at::Tensor token = at::empty({first.back() + routing.counts.back()}, at::kLong);
  std::int64_t* owner = token.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < tokens * k; ++i) {
    if (slot[i] < 0) continue;
    slot[i] += first[static_cast<std::size_t>(expert[i])];
    owner[slot[i]] = i / k;
  }
  routing.place = place.to(routing.chosen.device());
  routing.token = token.to(routing.chosen.device());
}

}  // namespace

Routing route(const at::Tensor& x, const RouterWords& words, const Ops& ops) {
  const Types types = ops.types();
  const spec::Experts& experts = *words.experts;
  const at::Tensor weight = words.weight->value;
  const bool in_logits = words.bias != nullptr && !words.bias_chooses_only;
  const at::Tensor logits = at::linear(x.to(types.master), weight,
                                       in_logits ? std::optional(words.bias->value) : std::nullopt);
  const bool sigmoid = experts.scoring == spec::Scoring::sigmoid;
  const at::Tensor scores = sigmoid ? logits.sigmoid() : at::softmax(logits, -1);
  at::Tensor to_choose_by = scores.detach();
  if (words.bias != nullptr && words.bias_chooses_only) {
    to_choose_by = to_choose_by + words.bias->value.detach();
  }
  Routing routing;
  routing.chosen = std::get<1>(limited_to_groups(to_choose_by, experts).topk(experts.top_k, -1));
  routing.weights = scores.gather(1, routing.chosen);
  if (experts.normalise) {
    routing.weights = routing.weights / routing.weights.sum(-1, true);
  }
  if (experts.scale != 1) routing.weights = routing.weights * experts.scale;
  if (x.is_meta()) return routing;
  place_choices(routing, experts);
  if (experts.balance_loss > 0) {
    // experts x sum over experts of (share of choices) (mean probability) [Fedus et al. 2021].
    const at::Tensor probability = sigmoid ? scores / scores.sum(-1, true) : scores;
    at::Tensor chosen =
        at::bincount(routing.chosen.flatten(), {}, experts.count).to(probability.scalar_type());
    double tokens = static_cast<double>(x.size(0));
    if (ops.mesh() != nullptr) {
      const ProcessGroup& parts = (*ops.mesh())[layout::Axis::sequence];
      finish(parts.all_reduce_sum(chosen));
      tokens *= parts.size();
    }
    const at::Tensor share = chosen / (tokens * static_cast<double>(experts.top_k));
    routing.balance_loss = (share * probability.sum(0)).sum() *
                           (static_cast<double>(experts.count) * experts.balance_loss / tokens);
  }
  return routing;
}

}  // namespace celere::nn
