#include "cost/money.hpp"

namespace celere::cost {

Result<Dollars> dollars_of(const spec::Cluster& cluster, std::int64_t gpus, Seconds time) {
  const double count = static_cast<double>(gpus);
  if (cluster.rent) {
    const Result<DollarsPerSecond> price =
        cluster.rent->per_gpu.needed_for("the price of a training");
    if (!price.ok()) return price.error();
    return count * (*price * time);
  }
  if (!cluster.build) {
    return Error{
        ErrorCode::unknown_value,
        "clusters/" + cluster.name + ".toml says neither rent nor build, so its price is unknown",
        {}};
  }
  const Result<Dollars> capital =
      cluster.build->capital_per_gpu.needed_for("the price of a training");
  if (!capital.ok()) return capital.error();
  const Result<Seconds> life = cluster.build->life.needed_for("the price of a training");
  if (!life.ok()) return life.error();
  const Result<DollarsPerJoule> energy_price =
      cluster.build->energy.needed_for("the price of a training");
  if (!energy_price.ok()) return energy_price.error();
  const Result<Joules> energy = energy_of(cluster, gpus, time);
  if (!energy.ok()) return energy.error();
  return count * (*capital * (time / *life)) + *energy * *energy_price;
}

Result<Joules> energy_of(const spec::Cluster& cluster, std::int64_t gpus, Seconds time) {
  const Result<Watts> power = cluster.power_per_gpu.needed_for("the energy of a training");
  if (!power.ok()) return power.error();
  return static_cast<double>(gpus) * (*power * time);
}

}  // namespace celere::cost
