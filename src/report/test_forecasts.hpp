// A forecast and a comparison made by hand, for the tests of this folder.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "base/files.hpp"
#include "life/forecast.hpp"
#include "plan/planner.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"
#include "study/comparison.hpp"

namespace celere::report {

inline constexpr const char* hostile = "</script><script>alert(1)</script> & \"q\" 'p' <b id=evil>";

// `name` is a run's name, as TOML has it between quotes.
inline std::unique_ptr<plan::Plan> planned_by_hand(const std::string& cluster,
                                                   const std::string& name) {
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  const std::string toml = "[run]\nname = \"" + name +
                           "\"\n[model]\nuse = \"llama-3-8b\"\n"
                           "[train]\ntokens = \"10 G tokens\"\nbatch = \"1 Mi tokens\"\n"
                           "sequence = 8192\nprecision = \"bf16\"\n[cluster]\nuse = \"" +
                           cluster +
                           "\"\ngpus = 16\nstart = 2024-07-22\n"
                           "[layout]\ntp = 2\npp = 2\nvpp = 1\n";
  auto run = spec::parse_run(toml, "test.toml");
  CHECK(run.ok());
  ThreadPool threads(1);
  auto plan = plan::make_plan(*std::move(run), catalog, {}, threads);
  CHECK(plan.ok());
  return *std::move(plan);
}

inline constexpr double a_day = 86400;

inline life::Tuning tuning_by_hand() {
  return {.interval = {.points = {{.value = 600,
                                   .time_p50 = Seconds::of(21 * a_day),
                                   .time_mean = Seconds::of(21 * a_day),
                                   .time_mean_error = Seconds::of(3600),
                                   .ettr = 0.7,
                                   .done = 3},
                                  {.value = 1200,
                                   .time_p50 = Seconds::of(20 * a_day),
                                   .time_mean = Seconds::of(20 * a_day),
                                   .time_mean_error = Seconds::of(3600),
                                   .ettr = 0.8,
                                   .dollars_mean = Dollars::of(2e6),
                                   .done = 3}},
                       .present = 0,
                       .best = 1},
          .spares = {.points = {{.value = 0, .time_mean = Seconds::of(22 * a_day), .done = 3},
                                {.value = 1, .time_mean = Seconds::of(20 * a_day), .done = 3}},
                     .present = 1,
                     .best = 1}};
}

// Three lives that end after 10, 20 and 30 days, with 1, 2 and 3 M$ and 1, 2 and 3 MWh, so that the
// fifth percentile lies a tenth of the way from the first to the second [type 7: 0.05 x 2 = 0.1].
inline life::Forecast forecast_by_hand() {
  life::Forecast out;
  out.built.start = Date{std::chrono::sys_days{std::chrono::year{2024} / 7 / 22}};
  life::Scene& scene = out.built.scene;
  scene.steps = 9537;
  scene.layouts = {{.nodes = 2, .replicas = 4, .step = Seconds::of(100)}};
  scene.tranches = {{.at = {}, .nodes = 1}, {.at = Seconds::of(a_day), .nodes = 3}};
  scene.powered = {{.at = {}, .nodes = 2}, {.at = Seconds::of(3 * a_day), .nodes = 3}};
  scene.causes = {{.name = hostile}, {.name = "NIC"}};
  out.built.assumptions = {"nobody published this", hostile};
  out.options = {.seed = 7, .replicas = 3, .told = 1};
  for (const double n : {1.0, 2.0, 3.0}) {
    out.ends.push_back({.time = Seconds::of(10 * n * a_day),
                        .done = true,
                        .ettr = 1 - 0.1 * n,
                        .dollars = Dollars::of(1e6 * n),
                        .energy = Joules::of(3.6e9 * n)});
  }
  life::Summary& summary = out.summary;
  summary.lives = summary.done = 3;
  summary.time = life::quantiles_of({10 * a_day, 20 * a_day, 30 * a_day});
  summary.ettr = life::quantiles_of({0.9, 0.8, 0.7});
  summary.dollars = life::quantiles_of({1e6, 2e6, 3e6});
  summary.joules = life::quantiles_of({3.6e9, 7.2e9, 10.8e9});
  for (int i = 0; i < life::part_count; ++i) {
    summary.account[static_cast<std::size_t>(i)] = Seconds::of((i == 0 ? 12 : 1) * a_day);
  }
  summary.causes = {{.name = hostile, .hits = 4.5, .lost = Seconds::of(7200)},
                    {.name = "NIC", .hits = 1.5, .lost = Seconds::of(3600)}};
  life::Life& told = out.told;
  told.done = true;
  told.time = life::nanoseconds(Seconds::of(20 * a_day));
  told.account[0] = life::nanoseconds(Seconds::of(16 * a_day));
  told.account[2] = life::nanoseconds(Seconds::of(4 * a_day));
  told.failures = 6;
  told.story = {
      {.at = 0, .text = "1 nodes are there, 0 of them need repair first"},
      {.at = life::nanoseconds(Seconds::of(a_day)), .text = "NIC: on node 1", .failure = true},
      {.at = life::nanoseconds(Seconds::of(2 * a_day)), .text = hostile}};
  out.tuning = tuning_by_hand();
  out.shifts = {{.knob = {.name = "failures of a node",
                          .low = "1 /day",
                          .is = "2 /day",
                          .high = "4 /day",
                          .at_low = 1,
                          .at_is = 2,
                          .at_high = 4,
                          .source = hostile,
                          .grade = "assumption"},
                 .low = Seconds::of(-2 * a_day),
                 .high = Seconds::of(5 * a_day)}};
  return out;
}

// Two that can, of which the first is ahead in two of three worlds, and one that cannot.
inline study::Comparison comparison_by_hand() {
  study::Comparison out;
  out.run.name = hostile;
  out.start = Date{std::chrono::sys_days{std::chrono::year{2024} / 7 / 22}};
  out.options = {.seed = 7, .replicas = 3};
  const auto add = [&](const std::string& cluster) {
    out.contenders.push_back({.cluster = cluster,
                              .title = cluster + " " + hostile,
                              .plan = planned_by_hand(cluster, "x"),
                              .forecast = forecast_by_hand()});
  };
  add("oracle-24k-hopper");
  add("xai-100k-h100");
  life::Forecast& later = *out.contenders[1].forecast;
  for (life::End& end : later.ends) end.time += Seconds::of(5 * a_day);
  later.summary.time = life::quantiles_of({15 * a_day, 25 * a_day, 35 * a_day});
  out.contenders.push_back({.cluster = "selene", .title = "Selene", .why_not = hostile});
  out.before = {{0.5, 2.0 / 3, 1}, {1.0 / 3, 0.5, 1}, {0, 0, 0.5}};
  out.cheaper = {{0.5, 0.5, std::nullopt}, {0.5, 0.5, std::nullopt}, {{}, {}, {}}};
  out.by_time = out.by_dollars = {0, 1};
  out.crossings = {{.by = study::Crossing::By::tokens, .one = 1, .other = 0, .at = 2e12},
                   {.by = study::Crossing::By::delay, .one = 0, .other = 1, .at = 5 * a_day},
                   {.by = study::Crossing::By::price, .one = 0, .other = 1, .at = 1.25}};
  return out;
}

}  // namespace celere::report
