#include "cost/goodput.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"

namespace celere::cost {

Result<FailureModel> failures_of(const spec::Cluster& cluster, std::int64_t ranks, Seconds working,
                                 Bytes checkpoint) {
  const spec::FailureFacts& facts = cluster.failures;
  const std::string what = "goodput";
  ASSIGN_OR_RETURN(const PerSecond rate, facts.per_node.needed_for(what));
  ASSIGN_OR_RETURN(const Seconds detect, facts.detect.needed_for(what));
  ASSIGN_OR_RETURN(const Seconds replace, facts.replace.needed_for(what));
  ASSIGN_OR_RETURN(const Seconds restart, facts.restart.needed_for(what));
  ASSIGN_OR_RETURN(const Seconds blocking, cluster.storage.blocking.needed_for(what));
  ASSIGN_OR_RETURN(const BytesPerSecond write, cluster.storage.write.needed_for("checkpoints"));
  double factor = 1;
  if (facts.early_factor.known() && facts.early_time.known() && working > Seconds{}) {
    const double early = std::min(1.0, *facts.early_time.value / working);
    factor = early * *facts.early_factor.value + (1 - early);
  }
  const double nodes = std::ceil(static_cast<double>(ranks) / cluster.gpus_per_node);
  return FailureModel{.rate = nodes * factor * rate,
                      .restart = detect + replace + restart,
                      .blocking = blocking,
                      .least_interval = checkpoint / write};
}

// With x = t/M and a = w/M the condition is (x + a) + log(1 - x) = 0. Its left side is a > 0 at x =
// 0 and falls without bound towards x = 1, ever faster, so Newton from the right of the root stays
// there and converges.
Seconds best_interval(const FailureModel& model) {
  if (model.rate == PerSecond{}) return Seconds::of(std::numeric_limits<double>::infinity());
  const Seconds between = 1.0 / model.rate;
  const double a = model.blocking / between;
  // log(1 - x) <= -x - x^2 / 2, so x^2 / 2 <= a at the root: sqrt(2 a) is on its right, as is 1 -
  // e^-(1 + a).
  double x = std::min(std::sqrt(2 * a), -std::expm1(-(1 + a)));
  for (int i = 0; i < 60 && x > 0; ++i) {
    const double value = x + a + std::log1p(-x);
    const double next = x - value / (1 - 1 / (1 - x));
    if (!(next > 0) || std::abs(next - x) <= 1e-12 * x) break;
    x = next;
  }
  return max(x * between, model.least_interval);
}

double useful_share(const FailureModel& model, Seconds interval) {
  CHECK(interval > Seconds{});
  if (model.rate == PerSecond{}) {
    const double ratio = model.blocking / interval;
    return 1 / (1 + ratio);
  }
  const double x = interval * model.rate;
  const double a = model.blocking * model.rate;
  const double r = model.restart * model.rate;
  return x / (std::exp(r) * std::expm1(x + a));
}

double useful_share_without_replica(const FailureModel& model, Seconds interval,
                                    const ReplicaLoss& loss) {
  CHECK(loss.replicas >= 1);
  const double pauses = 1 / (1 + loss.pause * model.rate);
  const double present = std::max(0.0, 1 - loss.replace * model.rate / loss.replicas);
  return pauses * present / (1 + model.blocking / interval);
}

}  // namespace celere::cost
