// Trainings for the tests of this folder.
#pragma once

#include <random>

#include "base/check.hpp"
#include "life/causes.hpp"
#include "life/monte_carlo.hpp"
#include "spec/catalog.hpp"

namespace celere::life {

inline constexpr int crash = 0, lost = 1, hang = 2, slow = 3, silent = 4, nan = 5, spike = 6,
                     preempt = 7;

// 1,000 steps of 3 s on 4 nodes, a save every 100 that blocks 3 s and is committed 5 s later; a
// first start of 10 s. Nothing fails by itself: each effect is a cause with rate 0.
inline Scene small_scene() {
  Scene scene;
  scene.steps = 1000;
  scene.layouts = {{.nodes = 4, .replicas = 4, .replicas_whole = true, .step = 3_s}};
  scene.tranches = {{.at = 0_s, .nodes = 5}};
  const auto cause = [](const char* name, Effect effect) {
    Cause out{.name = name, .effect = effect};
    out.detect = 30_s;
    out.repair = 100_s;
    out.repair_varies = false;
    return out;
  };
  scene.causes = {cause("crash", Effect::crash),   cause("lost", Effect::lost),
                  cause("hang", Effect::hang),     cause("slow", Effect::slow),
                  cause("silent", Effect::silent), cause("nan", Effect::nan),
                  cause("spike", Effect::spike),   cause("preempt", Effect::preempt)};
  scene.causes[hang].localise = 180_s;
  scene.causes[slow].factor = 2;
  scene.causes[slow].lasts = 1000_s;
  scene.causes[preempt].notice = 60_s;
  scene.times.first = 10_s;
  scene.times.stop = 5_s;
  scene.times.replace = 60_s;
  scene.times.restart = 20_s;
  scene.times.load = 7_s;
  scene.times.warm_up = 3_s;
  scene.times.regroup = 15_s;
  scene.checkpoints = {.every = 100, .blocking = 3_s, .background = 5_s};
  return scene;
}

// Nothing but failures, repairs and saves takes time, and no number of them ends it.
inline Scene bare_scene() {
  Scene scene = small_scene();
  scene.times = {};
  scene.checkpoints = {.every = 1};
  scene.recovery.retries = scene.recovery.restarts = scene.recovery.node_failures = 1'000'000'000;
  scene.recovery.back_off = scene.recovery.back_off_max = 0_s;
  scene.recovery.resizes = false;
  for (Cause& cause : scene.causes) cause.detect = cause.localise = 0_s;
  return scene;
}

// The causes of Llama 3 alone, as the default set has them: together `rate` a node.
inline std::vector<Cause> llama3_causes(PerSecond rate, const CauseTimes& times) {
  auto set = spec::parse_failure_set(spec::embedded_text("failures/default.toml"), "default");
  CHECK(set.ok());
  std::erase_if(set->causes, [](const spec::FailureCause& cause) { return !cause.weight; });
  auto causes = causes_of(*set, rate, 1, times);
  CHECK(causes.ok());
  return *std::move(causes);
}

// What slows it down, interrupts it or leads it astray.
template <typename Pick>
void add_troubles(Scene& scene, Pick&& pick) {
  // Fractions, so that sums of rounded times and rounded sums would part.
  scene.checkpoints.blocking = Seconds::of(pick({0, 3}) + 1e-9 * 0.4 * pick({0, 1, 2}));
  scene.checkpoints.background += Seconds::of(1e-9 * 0.4 * pick({0, 1, 2}));
  scene.causes[preempt].group = pick({1, 3});
  scene.causes[preempt].notice = Seconds::of(pick({0, 20, 200}));
  scene.recovery.spike_heals = pick({1, 5, 50});
  scene.recovery.skips = pick({0, 3, 1000});
  scene.misdiagnosis = {.share = 0.3 * pick({0, 1, 2}), .again = Seconds::of(pick({1, 300}))};
  scene.evaluation = {.every = pick({0, 34, 45}), .takes = Seconds::of(0.1 * pick({3, 200}))};
  scene.flaps = {.rate = PerSecond::of(1e-4 * pick({0, 3})), .stall = Seconds::of(pick({1, 10}))};
  scene.late_min = Seconds::of(pick({0, 70}));
  scene.late_max = scene.late_min + Seconds::of(pick({0, 300}));
  if (pick({0, 1}) == 0) {
    scene.slowdowns.push_back({.name = "heat", .at = Seconds::of(pick({0, 110})), .lasts = 210_s});
    scene.slowdowns.back().every = Seconds::of(pick({0, 777}));
    scene.slowdowns.back().factor = 0.5 * pick({2, 3, 8});
  }
  if (pick({0, 1}) == 0) {
    scene.slowdowns.push_back({.name = "dark", .at = 400_s, .lasts = 90_s, .stops = true});
    scene.slowdowns.back().every = Seconds::of(pick({0, 555}));
  }
}

// One where all that may happen does, some of it often.
inline Scene random_scene(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&](std::initializer_list<int> values) {
    return values.begin()[random() % values.size()];
  };
  Scene scene = small_scene();
  scene.steps = pick({300, 1000, 4000});
  const int replicas = pick({2, 4, 8});
  const int each = pick({1, 2, 3});
  const bool whole = random() % 2 == 0;
  scene.layouts = {{.nodes = replicas * each,
                    .replicas = replicas,
                    .replicas_whole = whole,
                    .step = Seconds::of(0.1 * pick({10, 23, 70}))}};
  if (random() % 2 == 0) {
    Layout half = scene.layouts.front();
    half.nodes = each;
    half.replicas = 1;
    half.step *= replicas;
    scene.layouts.push_back(half);
  }
  const int spares = pick({0, 1, 3});
  scene.tranches = {{.at = Seconds::of(pick({0, 500})), .nodes = replicas * each},
                    {.at = 900_s, .nodes = replicas * each + spares}};
  if (random() % 3 == 0) scene.powered = {{.at = 0_s, .nodes = each}, {.at = 2000_s, .nodes = 99}};
  scene.dead_on_arrival = 0.1 * pick({0, 3});
  scene.dead_repair = 300_s;
  const double often = 1.0 / (pick({200, 1000, 5000}) * replicas * each * 3.0);
  for (Cause& cause : scene.causes) {
    cause.rate = PerSecond::of(often);
    cause.repair_varies = random() % 2 == 0;
  }
  scene.causes[lost].group = pick({1, 2});
  scene.causes[hang].weibull = 0.1 * pick({6, 10});
  scene.causes[hang].span = 3000_s;
  scene.early_factor = pick({1, 3});
  scene.early_time = 1000_s;
  scene.idle_rate_share = 0.5 * pick({0, 1, 2});
  scene.lemon_share = 0.2 * pick({0, 1});
  scene.lemon_failures = 0.5;
  scene.check_every = pick({0, 10, 70});
  scene.checkpoints.every = pick({0, 17, 100});
  scene.checkpoints.background = Seconds::of(pick({0, 5, 17}));
  if (scene.checkpoints.every == 0) scene.steps = 300;
  scene.recovery.on_lost_replica = static_cast<policy::LostReplica>(random() % 2);
  scene.recovery.resizes = random() % 4 != 0;
  scene.recovery.retries = 1000000;
  scene.recovery.restarts = 1000000;
  scene.recovery.back_off_max = Seconds::of(pick({0, 10}));
  scene.times.plan = Seconds::of(pick({0, 4}));
  scene.horizon = 300000_s;
  add_troubles(scene, pick);
  return scene;
}

}  // namespace celere::life
