// What GPUs cost while they train.
//
//   rent    GPUs * price per GPU-hour * time
//   build   GPUs * (capital * time / life + power * time * price of energy)
//
// Capital is shared out by time used: a machine that lasts four years and trains for one has a
// quarter of its price in the training. A price or a power that the catalogue does not know makes
// the answer unknown, with the entry's name.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/cluster.hpp"

namespace celere::cost {

// Errors: unknown_value, naming the entry and key.
Result<Dollars> dollars_of(const spec::Cluster& cluster, std::int64_t gpus, Seconds time);

// The energy of the site, everything included. Errors: unknown_value.
Result<Joules> energy_of(const spec::Cluster& cluster, std::int64_t gpus, Seconds time);

}  // namespace celere::cost
