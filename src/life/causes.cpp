#include "life/causes.hpp"

namespace celere::life {
namespace {

// Leaves `to` as it is where the fact is absent.
template <typename T, typename To>
Status put(To& to, const std::optional<spec::Fact<T>>& fact) {
  if (!fact) return Done{};
  ASSIGN_OR_RETURN(const T value, fact->needed_for("what fails"));
  to = static_cast<To>(value);
  return Done{};
}

Result<PerSecond> rate_of(const spec::FailureCause& of, PerSecond shared, double weights,
                          const Cause& cause, int nodes) {
  if (of.weight) {
    ASSIGN_OR_RETURN(const double weight, of.weight->needed_for("what fails"));
    return shared * (weight / weights);
  }
  PerSecond rate;
  RETURN_IF_ERROR(put(rate, of.per_node));
  RETURN_IF_ERROR(put(rate, of.per_group));
  RETURN_IF_ERROR(put(rate, of.per_training));
  if (of.per_group) return rate / cause.group;
  if (of.per_training) return rate / nodes;
  return rate;
}

}  // namespace

Result<std::vector<Cause>> causes_of(const spec::FailureSet& set, PerSecond rate, int nodes,
                                     const CauseTimes& times) {
  double weights = 0;
  for (const spec::FailureCause& of : set.causes) {
    if (of.weight && of.weight->known()) weights += *of.weight->value;
  }
  std::vector<Cause> out;
  for (const spec::FailureCause& of : set.causes) {
    Cause cause{.name = of.name, .effect = of.effect};
    cause.detect = times.detect;
    cause.localise = times.localise;
    cause.repair = times.repair;
    cause.of_parts = !of.per_group && !of.per_training && cause.effect != Effect::preempt;
    RETURN_IF_ERROR(put(cause.group, of.group));
    RETURN_IF_ERROR(put(cause.weibull, of.weibull));
    RETURN_IF_ERROR(put(cause.span, of.span));
    RETURN_IF_ERROR(put(cause.detect, of.detect));
    RETURN_IF_ERROR(put(cause.repair, of.repair));
    RETURN_IF_ERROR(put(cause.factor, of.factor));
    RETURN_IF_ERROR(put(cause.lasts, of.lasts));
    RETURN_IF_ERROR(put(cause.notice, of.notice));
    ASSIGN_OR_RETURN(cause.rate, rate_of(of, rate, weights, cause, nodes));
    out.push_back(cause);
  }
  return out;
}

}  // namespace celere::life
