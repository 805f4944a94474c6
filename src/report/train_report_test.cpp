#include "report/train_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace celere::report {
namespace {

wire::Event started(std::int64_t step) {
  return {"",
          "started",
          {{"step", step},
           {"total_steps", std::int64_t{100}},
           {"parameters", std::int64_t{4'390'000}},
           {"precision", std::string("bf16")},
           {"kernels", std::string("AVX-512")},
           {"threads", std::int64_t{2}},
           {"training_tokens", std::int64_t{40'000}}}};
}

wire::StepMetrics step(std::int64_t number, double loss) {
  wire::StepMetrics m;
  m.step = number;
  m.loss = loss;
  m.step_time_s = 0.5;
  m.tokens_per_s = 2048;
  m.gemm_share = 0.71;
  m.time_left_s = 40;
  return m;
}

TEST(TrainReport, begins_with_what_is_trained) {
  TrainReport report("x.toml", "runs/x");
  EXPECT_EQ(report.hear(started(0)),
            "4.39 M parameters in bf16, 2 threads, AVX-512 kernels; 0.04 M tokens of text; steps 1 "
            "to 100\n");
  wire::Event many = started(0);
  many.fields.push_back({"ranks", std::int64_t{4}});
  many.fields.push_back({"layout", std::string("tp=2,pp=2,dp=1")});
  EXPECT_EQ(report.hear(many), "");  // again, after a failure
  EXPECT_EQ(TrainReport("x.toml", "runs/x").hear(many),
            "4.39 M parameters in bf16, 4 ranks of 2 threads (tp=2,pp=2,dp=1), AVX-512 kernels; "
            "0.04 M tokens of text; steps 1 to 100\n");
  EXPECT_EQ(TrainReport("x.toml", "runs/x").hear(started(100)), "all 100 steps are done\n");
}

// The shown loss moves a twentieth of the way at each step: 4, then 4 + (2 - 4) / 20 = 3.9.
TEST(TrainReport, smooths_the_loss_and_keeps_the_validation) {
  TrainReport report("x.toml", "runs/x");
  (void)report.hear(started(0));
  wire::StepMetrics first = step(1, 4);
  first.loss_validation = 4.25;
  report.hear(first);
  EXPECT_THAT(report.step_line(), testing::HasSubstr("validation  4.250"));
  report.hear(step(2, 2));
  EXPECT_EQ(report.step_line(), "");
  EXPECT_EQ(report.live_line(),
            "step 2/100  loss 3.900  validation 4.250  2048 tokens/s  71 % of the GEMM peak  "
            "40.0 s left");
}

// Two steps of half a second at 2,048 tokens/s: one second.
TEST(TrainReport, says_how_to_go_on) {
  TrainReport report("x.toml", "runs/x");
  (void)report.hear(started(0));
  report.hear(step(1, 4));
  report.hear(step(2, 2));
  (void)report.hear(wire::Event{"", "stopped", {{"step", std::int64_t{2}}}});
  EXPECT_EQ(report.end(),
            "2 steps in 1.00 s, 2048 tokens/s; loss 3.900.\n"
            "Stopped and saved behind step 2 of 100. To go on:\n  celere train x.toml\n");
  (void)report.hear(wire::Event{"",
                                "gave_up",
                                {{"why", std::string("8 starts in a row got no step further")},
                                 {"errors", std::string("disk full")}}});
  EXPECT_THAT(report.end(),
              testing::StartsWith("Given up: 8 starts in a row got no step further\ndisk full\n"));
}

// Asked twice to stop, no rank says that it has stopped: what counts is the last checkpoint.
TEST(TrainReport, does_not_call_saved_what_was_not) {
  TrainReport report("x.toml", "runs/x");
  (void)report.hear(started(0));
  report.hear(step(1, 4));
  (void)report.hear(wire::Event{"", "checkpoint_saved", {{"step", std::int64_t{1}}}});
  report.hear(step(2, 2));
  (void)report.hear(
      wire::Event{"", "finished", {{"how", std::string("stopped")}, {"step", std::int64_t{2}}}});
  EXPECT_THAT(report.end(), testing::EndsWith("Stopped, and not saved: it goes on behind step 1, "
                                              "with\n  celere train x.toml\n"));
  (void)report.hear(wire::Event{"", "stopped", {{"step", std::int64_t{2}}}});
  EXPECT_THAT(report.end(), testing::HasSubstr("Stopped and saved behind step 2"));
}

TEST(TrainReport, warns_of_what_could_not_be_kept) {
  TrainReport report("x.toml", "runs/x");
  EXPECT_EQ(
      report.hear(wire::Event{"",
                              "checkpoint_failed",
                              {{"step", std::int64_t{7}}, {"error", std::string("disk full")}}}),
      "warning: the checkpoint of step 7 could not be written: disk full\n");
}

}  // namespace
}  // namespace celere::report
