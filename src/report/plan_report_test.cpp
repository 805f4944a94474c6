// The two views of a plan against each other, and against what the run file says.
#include "report/plan_report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/written_units.hpp"
#include "spec/run.hpp"

namespace celere::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* run_file = R"([run]
name = "Three \"quoted\" words & more"
[model]
use = "llama-3-8b"
[train]
tokens = "10 G tokens"
batch = "1 Mi tokens"
sequence = 8192
precision = "bf16"
[cluster]
use = "CLUSTER"
gpus = 16
[layout]
tp = 2
pp = 2
vpp = 1
)";

std::unique_ptr<plan::Plan> planned(const std::string& cluster, const std::string& layout = "") {
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  std::string toml = run_file;
  toml.replace(toml.find("CLUSTER"), 7, cluster);
  auto run = spec::parse_run(toml, "test.toml");
  EXPECT_TRUE(run.ok()) << run.error().text();
  plan::PlanOptions options;
  if (!layout.empty()) options.layout = *spec::parse_layout_text(layout);
  ThreadPool threads(1);
  auto plan = plan::make_plan(*std::move(run), catalog, options, threads);
  EXPECT_TRUE(plan.ok()) << plan.error().text();
  return *std::move(plan);
}

TEST(PlanReport, both_views_say_the_same_numbers) {
  const auto plan = planned("oracle-24k-hopper");
  const std::string text = plan_text(*plan);
  const json view = json::parse(plan_json(*plan));
  const json& best = view["best"][0];
  EXPECT_THAT(text, HasSubstr(best["layout"]["text"].get<std::string>()));
  EXPECT_THAT(text, HasSubstr(written(Seconds::of(86400 * best["days"].get<double>()))));
  EXPECT_THAT(text, HasSubstr("step " + written(Seconds::of(best["step_time_s"].get<double>()))));
  EXPECT_THAT(text, HasSubstr(written(Dollars::of(best["dollars"].get<double>()))));
  EXPECT_THAT(text, HasSubstr(written(Bytes::of(best["memory_max_bytes"].get<double>()))));
  for (const json& one : view["pareto"]) {
    EXPECT_THAT(text, HasSubstr(one["layout"]["text"].get<std::string>()));
  }
}

// 1 Mi tokens are 128 sequences of 8,192; the wish fixes tp and pp; a step's parts make the step;
// the heaviest stage is the most of all stages.
TEST(PlanReport, json_is_consistent_in_itself) {
  const json view = json::parse(plan_json(*planned("oracle-24k-hopper")));
  EXPECT_EQ(view["run"], "Three \"quoted\" words & more");
  EXPECT_GT(view["searched"].get<int>(), 0);
  double last = 0;
  for (const json& one : view["best"]) {
    EXPECT_EQ(one["layout"]["tp"], 2);
    EXPECT_EQ(one["layout"]["pp"], 2);
    EXPECT_EQ(one["global_batch_sequences"], 128);
    double parts = 0;
    for (const auto& [name, part] : one["step_parts"].items()) parts += part.get<double>();
    EXPECT_NEAR(parts, one["step_time_s"].get<double>(), 1e-9);
    double buckets = 0;
    for (const auto& [name, bytes] : one["memory_parts"].items()) buckets += bytes.get<double>();
    EXPECT_NEAR(buckets, one["memory_max_bytes"].get<double>(), 1);
    EXPECT_LE(one["step_time_low_s"], one["step_time_s"]);
    EXPECT_GE(one["step_time_high_s"], one["step_time_s"]);
    EXPECT_NEAR(one["tokens_per_s"].get<double>() * one["step_time_s"].get<double>(), 1048576,
                1e-3);
    EXPECT_GE(one["days"].get<double>(), last);
    last = one["days"].get<double>();
  }
  double most = 0;
  for (const json& bytes : view["memory_by_stage_bytes"])
    most = std::max(most, bytes.get<double>());
  EXPECT_EQ(most, view["best"][0]["memory_max_bytes"].get<double>());
  EXPECT_EQ(view["memory_by_stage_bytes"].size(), 2u);
  for (const json& one : view["pruned"]) {
    EXPECT_TRUE(one.contains("reason") && one.contains("count") && one.contains("bound"));
  }
}

// Eos says neither rent nor build nor power: no dollars and no energy, and the text says why.
TEST(PlanReport, what_is_unknown_is_null) {
  const auto plan = planned("eos-h100");
  const json view = json::parse(plan_json(*plan));
  EXPECT_TRUE(view["best"][0]["dollars"].is_null());
  EXPECT_TRUE(view["best"][0]["energy_mwh"].is_null());
  EXPECT_THAT(plan_text(*plan), HasSubstr("neither rent nor build"));
}

// 3 does not divide 128 sequences.
TEST(PlanReport, infeasible_says_limit_need_and_have) {
  const auto plan = planned("eos-h100", "dp=3");
  const json view = json::parse(plan_json(*plan));
  EXPECT_TRUE(view["best"].empty());
  EXPECT_EQ(view["infeasible"]["limit"], "what is legal");
  EXPECT_THAT(view["infeasible"]["need"].get<std::string>(),
              HasSubstr("does not divide the global batch of 128 sequences"));
  EXPECT_EQ(view["infeasible"]["have"], "16 GPUs");
  EXPECT_THAT(plan_text(*plan), HasSubstr("No layout is possible"));
}

TEST(PlanReport, lines_fit_110_columns_but_for_layouts) {
  const std::string text = plan_text(*planned("oracle-24k-hopper"));
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t to = text.find('\n', from);
    const std::string line = text.substr(from, to - from);
    if (line.find("tp=") == std::string::npos) {
      EXPECT_LE(line.size(), 110u) << line;
    }
    from = to + 1;
  }
}

}  // namespace
}  // namespace celere::report
