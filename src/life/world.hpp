// How far a prediction may be off, drawn once a life: the world that the life is lived in.
//
// A factor f is given by the interval that holds it in 80 % of cases; its logarithm is drawn as two
// half normals that meet at 0,
//
//   ln f = z ln(high) / 1.2816  for z >= 0,    -z ln(low) / 1.2816  for z < 0,    z ~ N(0, 1),
//
// so that a tenth of all worlds is below low and a tenth above high. The three factors are drawn
// apart. World i of a seed is the same for every training, so that trainings are compared in the
// same worlds.
#pragma once

#include <cstdint>

#include "base/interval.hpp"
#include "life/scene.hpp"

namespace celere::life {

struct Uncertain {
  Spread step = {};      // of measured over predicted step times
  Spread tokens = {};    // of the tokens that are needed
  Spread failures = {};  // of the rate at which nodes fail
};

struct World {
  double step = 1, tokens = 1, failures = 1;
};

World drawn_world(const Uncertain& uncertain, std::uint64_t seed, std::uint64_t index);

// The scene as it is there.
Scene in_world(Scene scene, const World& world);

}  // namespace celere::life
