#include "spec/slowdown_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/run.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;

Result<Run> read(const std::string& cluster, const std::string& rest) {
  return parse_run(
      "[run]\nname = \"x\"\n[model]\nuse = \"grok-1\"\n[train]\ntokens = \"1 T tokens\"\n"
      "sequence = 8192\nbatch = \"1024 sequences\"\nprecision = \"bf16\"\n"
      "[cluster]\nuse = \"eos-h100\"\n" +
          cluster + rest,
      "x.toml");
}

TEST(SlowdownPlan, reads_what_is_written) {
  const auto run = read("late = [\"1 day\", \"60 days\"]\n",
                        "[recovery]\nspares_are = \"cold\"\n"
                        "[[slowdown]]\nname = \"grid\"\nfrom = \"17 h\"\nfor = \"30 min\"\n"
                        "every = \"24 h\"\nstops = true\n"
                        "[[slowdown]]\nname = \"summer\"\nfor = \"60 days\"\nfactor = 1.02\n");
  ASSERT_TRUE(run.ok()) << run.error().message;
  ASSERT_TRUE(run->late);
  EXPECT_EQ(run->late->low, 1_days);
  EXPECT_EQ(run->late->high, 60_days);
  EXPECT_EQ(run->recovery.spares_are, SpareKind::cold);
  ASSERT_EQ(run->slowdowns.size(), 2u);
  EXPECT_EQ(run->slowdowns[0].from, Seconds::of(17 * 3600));
  EXPECT_EQ(run->slowdowns[0].lasts, Seconds::of(1800));
  EXPECT_EQ(run->slowdowns[0].every, 1_days);
  EXPECT_TRUE(run->slowdowns[0].stops);
  EXPECT_EQ(run->slowdowns[1].from, 0_s);
  EXPECT_EQ(run->slowdowns[1].every, 0_s);
  EXPECT_EQ(run->slowdowns[1].factor, 1.02);
  const auto plain = read("", "");
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->late);
  EXPECT_FALSE(plain->recovery.spares_are);
  EXPECT_TRUE(plain->slowdowns.empty());
}

TEST(SlowdownPlanErrors, each_names_its_key) {
  const auto error = [](const std::string& cluster, const std::string& rest) {
    const auto run = read(cluster, rest);
    return run.ok() ? std::string() : run.error().message;
  };
  const std::string table = "[[slowdown]]\nname = \"a\"\nfor = \"1 h\"\n";
  EXPECT_EQ(error("", table),
            "x.toml:12: slowdown.factor: give exactly one of factor and stops = true");
  EXPECT_THAT(error("", table + "factor = 2\nstops = true\n"), HasSubstr("exactly one"));
  EXPECT_EQ(error("", table + "factor = 2\nevery = \"1 h\"\n"),
            "x.toml:16: slowdown.every: must be longer than it lasts");
  EXPECT_THAT(error("", "[[slowdown]]\nname = \"a\"\nstops = true\n"), HasSubstr("slowdown.for"));
  const char* late =
      "x.toml:12: cluster.late: must be the least and the most, as in [\"0 days\", \"60 days\"]";
  EXPECT_EQ(error("late = [\"3 days\"]\n", ""), late);
  EXPECT_EQ(error("late = [\"3 days\", \"2 days\"]\n", ""), late);
  EXPECT_EQ(error("late = [\"3 days\", \"soon\"]\n", ""), late);
  EXPECT_THAT(error("", "[recovery]\nspares_are = \"warmer\"\n"),
              HasSubstr("recovery.spares_are: \"warmer\" is none of hot, warm, cold"));
}

}  // namespace
}  // namespace celere::spec
