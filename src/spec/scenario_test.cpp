#include "spec/scenario.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/files.hpp"
#include "spec/fault_schedule.hpp"

namespace celere::spec {
namespace {

// [[fault]] stands on line 3, its keys begin at line 4.
Result<Scenario> read(const std::string& faults) {
  return parse_scenario("[scenario]\nname = \"x\"\n" + faults, "x.toml");
}

std::string error_of(const std::string& fault) {
  const auto scenario = read("[[fault]]\n" + fault);
  return scenario.ok() ? "" : scenario.error().message;
}

TEST(Scenario, has_the_documented_defaults) {
  const auto scenario = read("[[fault]]\nkind = \"preempt\"\nat = \"2 min\"\n");
  ASSERT_TRUE(scenario.ok()) << scenario.error().message;
  EXPECT_EQ(scenario->name, "x");
  EXPECT_FALSE(scenario->seed.has_value());
  EXPECT_EQ(scenario->switch_off, 0);
  ASSERT_EQ(scenario->faults.size(), 1u);
  const Fault& fault = scenario->faults[0];
  EXPECT_EQ(fault.kind, FaultKind::preempt);
  EXPECT_EQ(fault.place, "x.toml:3: fault");
  EXPECT_EQ(fault.at, Seconds::of(120));
  EXPECT_EQ(fault.count, 1);
  EXPECT_EQ(fault.notice, Seconds::of(30));
  EXPECT_EQ(fault.nodes, 1);
  EXPECT_FALSE(fault.node.has_value());
  EXPECT_FALSE(fault.lasts.has_value());
  const auto again = read("[[fault]]\nkind = \"nan\"\nevery_steps = 9\n");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_FALSE(again->faults[0].count.has_value());
  EXPECT_FALSE(again->faults[0].until_step.has_value());
}

// 0.0864 a day are 0.0864 / 86,400 s = 1e-6 /s.
TEST(Scenario, reads_everything_that_it_documents) {
  const auto scenario = parse_scenario(R"([scenario]
name = "all"
seed = 7
switch_off = 0.25
[[fault]]
kind = "lose_node"
rate_per_node = "0.0864 /day"
from = "1 min"
until = "2 h"
count = 9
nodes = 4
for = "6 h"
cause = "power"
[[fault]]
kind = "slow"
at_step = 120
rank = 3
factor = 1.15
for_steps = 40
[[fault]]
kind = "preempt"
every = "20 s"
node = 1
notice = "5 s"
[[fault]]
kind = "flip_bit"
every_steps = 50
from_step = 10
until_step = 90
[[fault]]
kind = "kill_worker"
rate_per_rank = "1 /h"
)",
                                       "x.toml");
  ASSERT_TRUE(scenario.ok()) << scenario.error().message;
  EXPECT_EQ(scenario->seed, 7u);
  EXPECT_EQ(scenario->switch_off, 0.25);
  ASSERT_EQ(scenario->faults.size(), 5u);
  const auto& f = scenario->faults;
  EXPECT_NEAR(f[0].rate_per_node->in_base(), 1e-6, 1e-18);
  EXPECT_EQ(f[0].from, Seconds::of(60));
  EXPECT_EQ(f[0].until, Seconds::of(7200));
  EXPECT_EQ(f[0].count, 9);
  EXPECT_EQ(f[0].nodes, 4);
  EXPECT_EQ(f[0].lasts, Seconds::of(21600));
  EXPECT_EQ(f[0].cause, "power");
  EXPECT_EQ(f[1].at_step, 120);
  EXPECT_EQ(f[1].rank, 3);
  EXPECT_EQ(f[1].factor, 1.15);
  EXPECT_EQ(f[1].lasts_steps, 40);
  EXPECT_EQ(f[2].every, Seconds::of(20));
  EXPECT_EQ(f[2].node, 1);
  EXPECT_EQ(f[2].notice, Seconds::of(5));
  EXPECT_EQ(f[3].every_steps, 50);
  EXPECT_EQ(f[3].from_step, 10);
  EXPECT_EQ(f[3].until_step, 90);
  EXPECT_NEAR(f[4].rate_per_rank->in_base(), 1.0 / 3600, 1e-15);
}

TEST(Scenario, takes_every_kind_by_its_name) {
  for (int i = 0; i < fault_kind_count; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    const bool has_factor = kind == FaultKind::slow || kind == FaultKind::spike;
    const auto scenario = read(std::string("[[fault]]\nkind = \"") + name_of(kind) +
                               "\"\nat_step = 0\n" + (has_factor ? "factor = 2\n" : ""));
    ASSERT_TRUE(scenario.ok()) << scenario.error().message;
    EXPECT_EQ(scenario->faults[0].kind, kind);
  }
}

TEST(ScenarioErrors, words_that_are_unknown_get_the_nearest) {
  EXPECT_EQ(error_of("kind = \"kill_wroker\"\nat = \"1 s\"\n"),
            "x.toml:4: fault.kind: \"kill_wroker\" is no kind of fault; is \"kill_worker\" meant?");
  EXPECT_EQ(error_of("kind = \"hang\"\nat_stpe = 3\n"),
            "x.toml:3: fault.at: is missing: give one of at, at_step, every, every_steps, "
            "rate_per_node, rate_per_rank\n"
            "x.toml:5: fault.at_stpe: is not a key that is known here; is \"at_step\" meant?");
  EXPECT_EQ(error_of("kind = \"hang\"\nat_step = 3\ncause = \"pwoer\"\n"),
            "x.toml:6: fault.cause: \"pwoer\" is no cause of a fault; is \"power\" meant?");
  EXPECT_EQ(error_of("kind = \"earthquake\"\nat = \"1 s\"\n"),
            "x.toml:4: fault.kind: \"earthquake\" is no kind of fault; there are kill_worker, "
            "kill_agent, kill_supervisor, hang, slow, flip_bit, nan, spike, disk_full, "
            "corrupt_shard, truncate_shard, lose_node, preempt");
}

TEST(ScenarioErrors, a_time_is_given_once_and_with_its_unit) {
  EXPECT_EQ(error_of("kind = \"hang\"\nat = \"1 s\"\nevery = \"1 min\"\n"),
            "x.toml:6: fault.every: stands beside at: give one of the two");
  EXPECT_EQ(error_of("kind = \"hang\"\nat = 30\n"),
            "x.toml:5: fault.at: 30 has no unit; write for example \"20 min\", \"1.5 s\" or \"8 "
            "us\"");
  EXPECT_EQ(error_of("kind = \"hang\"\nat_step = \"30\"\n"),
            "x.toml:5: fault.at_step: is a text, and must be a whole number");
  EXPECT_EQ(error_of("kind = \"hang\"\nevery = \"1 us\"\n"),
            "x.toml:5: fault.every: must be at least 1.00 ms");
  EXPECT_EQ(error_of("kind = \"hang\"\nrate_per_node = \"0 /day\"\n"),
            "x.toml:5: fault.rate_per_node: must be more than nothing");
  EXPECT_EQ(error_of("kind = \"hang\"\nat = \"1 s\"\nuntil = \"5 s\"\n"),
            "x.toml:6: fault.until: belongs to every, rate_per_node and rate_per_rank");
  EXPECT_EQ(error_of("kind = \"hang\"\nevery_steps = 5\nfrom_step = 9\nuntil_step = 8\n"),
            "x.toml:7: fault.until_step: is before from_step");
}

TEST(ScenarioErrors, an_amount_belongs_to_its_kinds) {
  EXPECT_EQ(error_of("kind = \"kill_worker\"\nat = \"1 s\"\nfactor = 2\nnotice = \"1 s\"\n"),
            "x.toml:6: fault.factor: does not belong to kill_worker, but to slow, spike\n"
            "x.toml:7: fault.notice: does not belong to kill_worker, but to preempt");
  EXPECT_EQ(error_of("kind = \"hang\"\nat = \"1 s\"\nfor_steps = 3\n"),
            "x.toml:6: fault.for_steps: does not belong to hang, but to slow, disk_full");
  EXPECT_EQ(error_of("kind = \"slow\"\nat = \"1 s\"\n"), "x.toml:3: fault.factor: is missing");
  EXPECT_EQ(error_of("kind = \"slow\"\nat = \"1 s\"\nfactor = 2\nfor = \"1 s\"\nfor_steps = 2\n"),
            "x.toml:8: fault.for_steps: stands beside for: give one of the two");
}

TEST(ScenarioErrors, a_target_is_of_the_kind) {
  EXPECT_EQ(error_of("kind = \"hang\"\nat = \"1 s\"\nnode = 1\n"),
            "x.toml:6: fault.node: hang hits a rank: write rank = 3");
  EXPECT_EQ(error_of("kind = \"lose_node\"\nat = \"1 s\"\nrank = 1\n"),
            "x.toml:6: fault.rank: lose_node hits a node: write node = 1");
  EXPECT_EQ(error_of("kind = \"kill_supervisor\"\nat = \"1 s\"\nrank = 1\n"),
            "x.toml:6: fault.rank: kill_supervisor hits no rank and no node");
  EXPECT_EQ(error_of("kind = \"hang\"\nat = \"1 s\"\nrank = 1\ncount = 2\n"),
            "x.toml:7: fault.count: with at and at_step each hits another target, and one is "
            "named");
  EXPECT_EQ(error_of("kind = \"kill_supervisor\"\nat = \"1 s\"\ncount = 2\n"),
            "x.toml:6: fault.count: with at and at_step each hits another target: "
            "kill_supervisor has one");
}

TEST(ScenarioErrors, a_scenario_has_a_name_and_a_fault) {
  const auto none = parse_scenario("", "x.toml");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().message,
            "x.toml:1: fault: is missing: a scenario has at least one [[fault]]\n"
            "x.toml:1: scenario: is missing");
  const auto single = read("[fault]\nkind = \"hang\"\n");
  ASSERT_FALSE(single.ok());
  EXPECT_EQ(single.error().message, "x.toml:3: fault: is a table, and must be a list of tables");
}

std::string read_file(const std::string& path) {
  const auto content = local_files()->read(path);
  EXPECT_TRUE(content.ok()) << path;
  return content.ok() ? *content : "";
}

TEST(ScenarioExamples, are_read_and_fit_a_machine_of_four_ranks_on_two_nodes) {
  const std::string folder = "examples/faults";
  const auto files = local_files();
  std::size_t seen = 0;
  for (const std::string& name : files->list(folder)) {
    const auto scenario = parse_scenario(*files->read(folder + "/" + name), name);
    ASSERT_TRUE(scenario.ok()) << scenario.error().message;
    const FaultGround ground = name == "months-of-a-cluster.toml"
                                   ? FaultGround{.ranks = 16384, .nodes = 2048}
                                   : FaultGround{.ranks = 4, .nodes = 2};
    const auto fit = fits(*scenario, ground);
    EXPECT_TRUE(fit.ok()) << fit.error().message;
    ++seen;
  }
  EXPECT_GE(seen, 3u);
}

TEST(ScenarioDocument, opens_with_a_complete_scenario) {
  const std::string document = read_file("docs/scenario.md");
  const std::size_t from = document.find("```toml\n") + 8;
  const std::string example = document.substr(from, document.find("```", from) - from);
  const auto scenario = parse_scenario(example, "docs/scenario.md");
  ASSERT_TRUE(scenario.ok()) << scenario.error().message;
  EXPECT_EQ(scenario->faults.size(), 3u);
}

// The keys in the rows below the headings "## `[table]`" and "## `[[table]]`".
TEST(ScenarioDocument, has_exactly_the_keys_and_kinds_that_the_parser_knows) {
  const std::string document = read_file("docs/scenario.md");
  std::set<std::string> documented, kinds;
  std::string table;
  for (std::size_t at = 0; at < document.size();) {
    const std::size_t end = std::min(document.find('\n', at), document.size());
    const std::string line = document.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("## `[")) {
      const std::size_t from = line.find_first_not_of("# `[");
      table = line.substr(from, line.find(']') - from);
      documented.insert(table);
    } else if (line.starts_with("## ")) {
      table = "";
    } else if (line.starts_with("| `")) {
      const std::string word = line.substr(3, line.find('`', 3) - 3);
      if (table.empty()) {
        kinds.insert(word);
      } else {
        documented.insert(table + "." + word);
      }
    }
  }
  std::set<std::string> known, names;
  for (const std::string& key : scenario_keys_asked_of("[scenario]\n[[fault]]\n[[fault]]\n"
                                                       "kind = \"slow\"\n")) {
    known.insert(key);
  }
  for (int i = 0; i < fault_kind_count; ++i) names.insert(name_of(static_cast<FaultKind>(i)));
  EXPECT_EQ(known, documented);
  EXPECT_EQ(names, kinds);
}

}  // namespace
}  // namespace celere::spec
