// The fit and its writer, on runs whose answer is known because the model itself made it.
#include "study/run_fit.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "study/catalog_writer.hpp"

namespace celere::study {
namespace {

PublishedRuns all_runs() {
  const auto table = parse_csv(embedded_published_runs(), "runs.csv");
  return *read_published_runs(*table);
}

struct Kit {
  std::unique_ptr<Files> files = memory_files();
  spec::Catalog catalog{*files, {}};
  Predictor predictor = *Predictor::of(catalog);
};

constexpr const char* two_unknowns = R"([[unknown]]
of = "stack.memory_factor"
form = "log"
prior = 1
sd = 5
why = "a test"

[[unknown]]
of = "chip.sustained.bf16"
form = "log"
prior = 0.5
sd = 5
why = "a test"
)";

// Steps "measured" as the model says with a memory factor of 1.5 everywhere and 0.6 of the best
// shape in bf16 come back as just that, where little was believed beforehand.
TEST(RunFit, finds_the_numbers_that_made_the_runs) {
  Kit kit;
  PublishedRuns runs = all_runs();
  std::erase_if(runs.runs, [](const PublishedRun& run) { return run.family != "vtrain"; });
  for (PublishedRun& run : runs.runs) {
    const auto prepared = kit.predictor.prepare(run.inputs);
    ASSERT_TRUE(prepared.ok());
    const auto truth =
        Predictor::predict(*prepared, [](spec::Stack& stack, spec::Chip& chip, spec::Cluster&) {
          stack.memory_factor.value = 1.5;
          for (const auto precision : {spec::Precision::bf16, spec::Precision::fp16}) {
            chip.sustained[static_cast<std::size_t>(precision)].value =
                FlopsPerSecond::of(0.6e12 * chip.gemm.best_tflops);
          }
        });
    run.measured.step = truth->cost.time;
  }
  const RunFit fit(kit.predictor, runs.runs, *parse_unknowns(two_unknowns));
  ThreadPool threads(2);
  const FittedNumbers numbers = fit.without("", threads);
  spec::Stack stack = *kit.catalog.stack("megatron-2021");
  spec::Chip chip = *kit.catalog.chip("a100-80");
  spec::Cluster cluster = *kit.catalog.cluster("selene");
  numbers.apply(stack, chip, cluster);
  EXPECT_NEAR(*stack.memory_factor.value, 1.5, 0.05);
  const double share =
      chip.sustained[static_cast<std::size_t>(spec::Precision::bf16)].value->in_base() /
      (1e12 * chip.gemm.best_tflops);
  EXPECT_NEAR(share, 0.6, 0.01);
}

// A source that is left out has no part in the fit: its measured columns may say anything.
TEST(RunFit, a_source_that_is_left_out_is_not_read) {
  Kit kit;
  PublishedRuns runs = all_runs();
  std::erase_if(runs.runs, [](const PublishedRun& run) {
    return run.family != "vtrain" && run.family != "sc21";
  });
  ThreadPool threads(2);
  const auto numbers = *parse_unknowns(two_unknowns);
  const auto before = RunFit(kit.predictor, runs.runs, numbers).without("sc21", threads);
  for (PublishedRun& run : runs.runs) {
    if (run.family == "sc21" && run.measured.step) *run.measured.step *= 100;
  }
  const auto after = RunFit(kit.predictor, runs.runs, numbers).without("sc21", threads);
  EXPECT_EQ(before.fitted.x, after.fitted.x);
}

// One thread and four agree to the bit.
TEST(RunFit, does_not_depend_on_the_threads) {
  Kit kit;
  PublishedRuns runs = all_runs();
  std::erase_if(runs.runs, [](const PublishedRun& run) { return run.family != "mlperf"; });
  const RunFit fit(kit.predictor, runs.runs, *parse_unknowns(embedded_unknowns()));
  ThreadPool one(1), four(4);
  EXPECT_EQ(fit.without("", one).fitted.x, fit.without("", four).fitted.x);
}

void expect_within_rounding(const std::string& what, double written, double found) {
  // Three digits, and stacks whose own part was too small to write.
  EXPECT_NEAR(written / found, 1, 0.008) << what;
}

// Nobody wrote a fitted number by hand: the catalogue says what the fit finds, to three digits.
TEST(RunFit, the_catalogue_is_what_the_fit_finds) {
  Kit kit;
  ThreadPool threads;
  const RunFit fit(kit.predictor, all_runs().runs, *parse_unknowns(embedded_unknowns()));
  const FittedNumbers numbers = fit.without("", threads);
  spec::Chip no_chip;
  spec::Cluster no_cluster;
  for (const std::string& name : kit.catalog.names(spec::Kind::stack)) {
    const spec::Stack written = *kit.catalog.stack(name);
    spec::Stack found = written;
    numbers.apply(found, no_chip, no_cluster);
    for (const spec::StackNumber& number : spec::stack_numbers()) {
      const std::string what = name + ": " + number.key;
      if (number.time != nullptr && (found.*number.time).known()) {
        expect_within_rounding(what, (written.*number.time).value->in_base(),
                               (found.*number.time).value->in_base());
      }
      if (number.number != nullptr && *(found.*number.number).value != 0) {
        expect_within_rounding(what, *(written.*number.number).value,
                               *(found.*number.number).value);
      }
    }
  }
  for (const std::string& name : kit.catalog.names(spec::Kind::chip)) {
    const spec::Chip written = *kit.catalog.chip(name);
    spec::Chip found = written;
    spec::Stack no_stack;
    numbers.apply(no_stack, found, no_cluster);
    for (std::size_t i = 0; i < found.sustained.size(); ++i) {
      if (!found.sustained[i].known()) continue;
      expect_within_rounding(name, written.sustained[i].value->in_base(),
                             found.sustained[i].value->in_base());
    }
  }
}

TEST(Unknowns, refuse_what_no_fit_can_find) {
  const auto wrong = parse_unknowns(
      "[[unknown]]\nof = \"stack.memory_factr\"\nform = \"log\"\nprior = 1\nsd = 1\nwhy = \"x\"\n");
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, testing::HasSubstr("fit/unknowns.toml:2: unknown.of"));
  const auto share = parse_unknowns(
      "[[unknown]]\nof = \"stack.tp_overlap\"\nform = \"share\"\nprior = 1\nsd = 1\nwhy = \"x\"\n");
  ASSERT_FALSE(share.ok());
  EXPECT_THAT(share.error().message, testing::HasSubstr("must lie between 0 and 1"));
}

TEST(CatalogWriter, changes_the_number_and_nothing_else) {
  std::string toml =
      "# a comment\n"
      "a = { is = 1.2, low = 1, grade = \"fitted\", from = \"FIT\" }  # kept\n"
      "b = { is = \"4 ms\", grade = \"assumption\", from = \"FIT\" }\n"
      "[[tier]]\n"
      "a = { is = \"5 us\", grade = \"fitted\", from = \"FIT\" }\n";
  EXPECT_TRUE(replace_fitted(toml, "", "a", "1.35"));
  EXPECT_FALSE(replace_fitted(toml, "", "b", "9"));  // nobody fitted it
  EXPECT_TRUE(replace_fitted(toml, "tier", "a", "\"7.5 us\""));
  EXPECT_EQ(toml,
            "# a comment\n"
            "a = { is = 1.35, low = 1, grade = \"fitted\", from = \"FIT\" }  # kept\n"
            "b = { is = \"4 ms\", grade = \"assumption\", from = \"FIT\" }\n"
            "[[tier]]\n"
            "a = { is = \"7.5 us\", grade = \"fitted\", from = \"FIT\" }\n");
}

TEST(CatalogWriter, writes_three_digits) {
  EXPECT_EQ(three_digits_of(1.23456, false), "1.23");
  EXPECT_EQ(three_digits_of(0.0049321, false), "0.00493");
  EXPECT_EQ(three_digits_of(4096.4, false), "4096");
  EXPECT_EQ(three_digits_of(0.5, false), "0.5");
  EXPECT_EQ(three_digits_of(0.00435, true), "\"4.35 ms\"");
}

}  // namespace
}  // namespace celere::study
