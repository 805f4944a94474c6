#include "spec/failure_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "spec/catalog.hpp"
#include "spec/entry_text.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;

// The counts of Llama 3's Table 5 sum to 419, 35 of them switches and cables; what comes beside has
// a rate of its own.
TEST(FailureSet, default_shares_the_counts_of_llama_3) {
  const auto files = memory_files();
  const auto set = Catalog(*files, {}).failure_set(common_failures);
  ASSERT_TRUE(set.ok()) << set.error().text();
  double all = 0, network = 0;
  int beside = 0;
  for (const FailureCause& cause : set->causes) {
    beside += !cause.weight;
    if (!cause.weight) continue;
    all += *cause.weight->value;
    if (cause.name == "network switch or cable" || cause.name == "switch of a rack") {
      network += *cause.weight->value;
    }
  }
  EXPECT_EQ(all, 419);
  EXPECT_EQ(network, 35);
  EXPECT_EQ(beside, 7);
}

TEST(FailureSet, stands_in_the_cluster_that_names_it) {
  const auto files = memory_files();
  const std::string own = replaced(std::string(embedded_text("failures/default.toml")),
                                   "title = ", "title = \"Mine: \" # ");
  ASSERT_TRUE(files->write("own/failures/mine.toml", own).ok());
  const std::string cluster(embedded_text("clusters/xai-100k-h100.toml"));
  const auto named = [&](const char* name) {
    return replaced(cluster, "[failures]", std::string("[failures]\ncauses = \"") + name + "\"");
  };
  ASSERT_TRUE(files->write("own/clusters/a.toml", named("mine")).ok());
  ASSERT_TRUE(files->write("own/clusters/b.toml", named("mein")).ok());
  const Catalog catalog(*files, {"own"});
  EXPECT_EQ(catalog.cluster("a")->failures.set.title, "Mine: ");
  EXPECT_EQ(catalog.cluster("xai-100k-h100")->failures.set.name, "default");
  const Error error = catalog.cluster("b").error();
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_THAT(error.text(), HasSubstr("no set of failures \"mein\" (is \"mine\" meant?)"));
  EXPECT_THAT(error.text(), HasSubstr("failures.causes"));
}

std::string mistake(std::string_view part, std::string_view replacement) {
  const std::string text(embedded_text("failures/default.toml"));
  return message_of(parse_failure_set(replaced(text, part, replacement), "x"));
}

TEST(FailureSet, refuses_what_cannot_be) {
  EXPECT_THAT(mistake("weight = { is = 148", "per_node = { is = \"1 /day\""),
              testing::IsEmpty());  // allowed: it comes beside
  EXPECT_THAT(mistake("weight = { is = 148, grade = \"measured\", from = \"LLAMA3\" }", ""),
              HasSubstr("exactly one of weight, per_node, per_group and per_training"));
  EXPECT_THAT(mistake("effect = \"lost\"", "effect = \"lots\""), HasSubstr("cause.effect"));
  // What belongs to an effect that is not known, nobody can say: one mistake alone.
  for (const char* wrong : {"\"slaw\"", "7"}) {
    EXPECT_THAT(mistake("effect = \"slow\"", std::string("effect = ") + wrong),
                testing::AllOf(HasSubstr("cause.effect"), testing::Not(HasSubstr("\n"))));
  }
  EXPECT_THAT(mistake("effect = \"crash\"",
                      "effect = \"crash\"\nnotice = { is = \"1 s\", grade = "
                      "\"assumption\", from = \"a test\" }"),
              HasSubstr("notice: does not belong to \"crash\""));
  EXPECT_THAT(mistake("factor = { is = 1.1,", "# "), HasSubstr("factor: is missing"));
  EXPECT_THAT(mistake("lemon_failures = { is = 0.5, low = 0, high = 0.7",
                      "lemon_failures = { is = 0.5, low = 0, high = 1.7"),
              HasSubstr("lemon_failures: must be from 0 to 1, its ends as well"));
  EXPECT_THAT(mistake("for = \"8 h\"", "for = \"25 h\""),
              HasSubstr("for: must be less than every"));
  EXPECT_THAT(mistake("group = { is = 64,", "# "), HasSubstr("per_group: needs group beside it"));
  EXPECT_THAT(mistake("flaps = {", "flabs = {"), HasSubstr("flabs"));
}

TEST(FailureSet, needs_a_cause_that_shares_the_rate) {
  const std::string text(embedded_text("failures/default.toml"));
  const std::string shared =
      text.substr(text.find("[[cause]]"), text.find("# Beside them") - text.find("[[cause]]"));
  EXPECT_THAT(mistake(shared, ""), HasSubstr("needs at least one with a weight above 0"));
}

TEST(FailureSet, reads_weibull_with_its_span) {
  const std::string text(embedded_text("failures/default.toml"));
  const std::string weibull = "weibull = { is = 0.7, grade = \"assumption\", from = \"a test\" }\n";
  const std::string span =
      "span = { is = \"1 year\", grade = \"assumption\", from = \"a test\" }\n";
  const std::string_view at = "name = \"NIC\"\n";
  const auto both = parse_failure_set(replaced(text, at, std::string(at) + weibull + span), "x");
  ASSERT_TRUE(both.ok()) << both.error().text();
  EXPECT_EQ(*both->causes[8].weibull->value, 0.7);
  EXPECT_THAT(mistake(at, std::string(at) + weibull), HasSubstr("stands with span"));
}

}  // namespace
}  // namespace celere::spec
