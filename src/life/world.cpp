#include "life/world.hpp"

#include <algorithm>
#include <cmath>

#include "base/prng.hpp"

namespace celere::life {
namespace {

constexpr std::uint64_t world_seed = 0xC2B2AE3D27D4EB4F;  // what it draws moves no failure
constexpr double tenth = 1.2815515655446004;              // of a normal: a tenth lies beyond

double factor(Spread spread, double normal) {
  const double end = normal < 0 ? -std::log(spread.low) : std::log(spread.high);
  return std::exp(normal / tenth * end);
}

}  // namespace

World drawn_world(const Uncertain& uncertain, std::uint64_t seed, std::uint64_t index) {
  Prng prng(seed ^ world_seed, index);
  World out;
  out.step = factor(uncertain.step, prng.normal());
  out.tokens = factor(uncertain.tokens, prng.normal());
  out.failures = factor(uncertain.failures, prng.normal());
  return out;
}

Scene in_world(Scene scene, const World& world) {
  const double steps = std::round(static_cast<double>(scene.steps) * world.tokens);
  scene.steps = std::max<Step>(1, static_cast<Step>(steps));
  for (Layout& layout : scene.layouts) layout.step *= world.step;
  for (Cause& cause : scene.causes) cause.rate *= world.failures;
  return scene;
}

}  // namespace celere::life
