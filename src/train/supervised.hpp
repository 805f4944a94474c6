// What a rank has beside its training where an agent watches over it: its flight record, the
// watches over its collectives, the agent's orders, and the faults that come by them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "nn/watch.hpp"
#include "train/faults.hpp"
#include "train/generations.hpp"
#include "train/orders.hpp"

namespace celere::train {

class Supervised {
 public:
  struct Paths {
    std::string flight;  // to be made
    std::string orders;  // empty: it hears none
  };
  // `world`, and what it names, must outlive it. Errors: io.
  static Result<std::unique_ptr<Supervised>> begin(const RankWorld& world, int rank,
                                                   const Paths& paths);
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  // The world that it began with, and all of this in it. Where orders are heard faults may come by
  // them, and the disk and the steps are those that have them.
  RankWorld world();
  nn::Watch& watch() { return watch_; }

 private:
  Supervised(const RankWorld& world, wire::FlightRecord record);

  const RankWorld& world_;
  ProcessCpuTime time_;
  wire::FlightRecord record_;
  nn::Watch watch_, writers_;
  FaultySteps steps_;
  FaultyStorage storage_;
  std::optional<Orders> orders_;  // last: its thread uses what stands above
};

}  // namespace celere::train
