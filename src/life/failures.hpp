// When failures come, whom they hit, and by which cause: one Poisson process for all nodes of a
// tranche and all causes that age alike (scene.hpp has the hazards).
//
// The next age is where the cumulative hazard of all has grown by an exponential of mean 1. Each
// failure takes the same count of random numbers, whatever it hits.
#pragma once

#include <cstdint>
#include <vector>

#include "base/prng.hpp"
#include "life/scene.hpp"

namespace celere::life {

struct Failure {
  Nanoseconds at = 0;
  int cause = 0;
  int target = 0;        // a node, or a slot with Scene::by_slot
  double idle_draw = 0;  // uniform: a spare is hit where this is below its share of the rate
};

class FailureSource {
 public:
  // Nodes (or slots) `first` and up, all there from `born` on, by these causes of the scene: one
  // that ages by Weibull, or any number with constant rates.
  FailureSource(const Scene& scene, int first, int count, Nanoseconds born,
                std::vector<int> causes);

  // REQUIRES: they come one after the other, all from the same generator. `lemons`: nodes that are
  // hit more often.
  Failure next(Prng& prng, const std::vector<Node>& lemons);

 private:
  double age_at(double hazard) const;  // seconds

  const Scene* scene_;
  int first_, count_;
  Nanoseconds born_;
  std::vector<int> causes_;
  std::vector<double> up_to_;  // of each cause: the rates up to it, summed
  double rate_ = 0;            // of one node by all of them
  double hazard_ = 0;          // of one node so far
};

// Of all tranches and causes, each with at least one failure to come. Tranches after time 0 are
// there `late` after what they say.
std::vector<FailureSource> failure_sources(const Scene& scene, Nanoseconds late = 0);

// So many nodes drawn without repetition, ascending.
std::vector<Node> draw_lemons(const Scene& scene, Prng& prng);

}  // namespace celere::life
