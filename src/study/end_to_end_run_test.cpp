#include "study/end_to_end_run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "spec/catalog.hpp"

namespace celere::study {
namespace {

using testing::HasSubstr;

constexpr const char* head = "model,params_total,params_active,tokens,gpu,n_gpus,precision";
constexpr const char* mlperf_head =
    "round,system,benchmark,accelerators,accelerator,seq_len,global_batch,tokens_trained_mean";

Result<WholeRuns> read(const std::string& text) {
  ASSIGN_OR_RETURN(const CsvTable table, parse_csv(text, "runs.csv"));
  return read_whole_runs(table);
}

std::string message_of(const std::string& text) {
  const auto runs = read(text);
  return runs.ok() ? "" : runs.error().message;
}

// 21 days on 2,048 GPUs are 21 * 24 * 2,048 = 1,032,192 GPU-hours; printed hours win over days.
TEST(WholeRun, takes_printed_hours_or_days_times_gpus) {
  const auto runs =
      read(fmt::format("{},gpu_hours,wall_days,grade\n"
                       "LLaMA-65B,6.52e+10,6.52e+10,1.4e+12,A100-80GB,2048,bf16,,21,A\n"
                       "\"Llama 2, 13B\",13e9,13e9,2e12,A100-80GB,,,368640,21,C\n",
                       head));
  ASSERT_TRUE(runs.ok()) << runs.error().text();
  ASSERT_EQ(runs->runs.size(), 2u);
  EXPECT_TRUE(runs->runs[0].measured && runs->runs[1].measured);
  const WholeRun& first = runs->runs[0];
  EXPECT_DOUBLE_EQ(*first.measured / 1_h, 1'032'192);
  EXPECT_EQ(first.family, "llama");
  EXPECT_TRUE(first.counts());
  EXPECT_EQ(first.inputs.gpus, 2048);
  EXPECT_EQ(*first.inputs.tokens, Tokens::of(1.4e12));
  const WholeRun& second = runs->runs[1];
  EXPECT_DOUBLE_EQ(*second.measured / 1_h, 368'640);
  EXPECT_EQ(second.inputs.model, "Llama 2, 13B");
  EXPECT_EQ(second.inputs.gpus, std::nullopt);
  EXPECT_EQ(second.row, 1);
  EXPECT_EQ(second.line, 3);
  EXPECT_FALSE(second.counts());
}

// 64.264 minutes on 512 accelerators are 64.264 * 512 / 60 = 548.386 hours.
TEST(WholeRun, takes_mlperfs_minutes_times_accelerators) {
  const auto runs =
      read(fmt::format("{},mean_minutes_raw_log_olympic\n"
                       "v3.0,eos,gpt3,512,H100,2048,1536,1.2e9,64.264\n",
                       mlperf_head));
  ASSERT_TRUE(runs.ok()) << runs.error().text();
  const WholeRun& run = runs->runs[0];
  EXPECT_NEAR(*run.measured / 1_h, 548.386, 1e-3);
  EXPECT_EQ(run.inputs.model, "GPT-3 175B");
  EXPECT_EQ(run.inputs.parameters, 175e9);
  EXPECT_EQ(run.inputs.global_batch, 1536);
  EXPECT_TRUE(run.inputs.mlperf());
  EXPECT_TRUE(run.counts());  // the file has no grades
}

TEST(WholeRun, takes_the_name_of_an_mlperf_row_apart) {
  const auto runs = read(fmt::format(
      "{}\nMLPerf v5.1 Llama 3.1 8B (NVIDIA/tyche_n8),8e9,8e9,1.4e9,GB200,8,fp8\nMLPerf,1,1,,,,\n",
      head));
  ASSERT_TRUE(runs.ok()) << runs.error().text();
  const WholeInputs& inputs = runs->runs[0].inputs;
  EXPECT_EQ(inputs.round, "v5.1");
  EXPECT_EQ(inputs.model, "Llama 3.1 8B");
  EXPECT_EQ(inputs.benchmark, "llama31_8b");
  EXPECT_EQ(inputs.system, "NVIDIA/tyche_n8");
  EXPECT_FALSE(runs->runs[1].inputs.mlperf());  // only a name
  for (const WholeRun& run : runs->runs) EXPECT_FALSE(run.measured);
}

TEST(WholeRun, refuses_what_is_wrong_with_file_line_and_column) {
  const std::string row = "\nA,1e9,1e9,1e12,H100,64,bf16\n";
  EXPECT_EQ(message_of(head + row), "");
  EXPECT_THAT(message_of("model,tokens\nA,1\n"),
              HasSubstr("runs.csv:1: the column params_total is missing"));
  EXPECT_THAT(message_of("round,benchmark\nv5,gpt3\n"),
              HasSubstr("runs.csv:1: the column system is missing"));
  EXPECT_THAT(message_of(fmt::format("{}\nA,1e9,1e9,many,H100,64,bf16\n", head)),
              HasSubstr("runs.csv:2: tokens: \"many\" is no number"));
  EXPECT_THAT(message_of(fmt::format("{}\nA,1e9,1e9,-1,H100,64,bf16\n", head)),
              HasSubstr("runs.csv:2: tokens: is -1, and must be above 0"));
  EXPECT_THAT(message_of(fmt::format("{}\nA,nan,1e9,1,H100,64,bf16\n", head)),
              HasSubstr("runs.csv:2: params_total: \"nan\" is no number"));
  EXPECT_THAT(message_of(fmt::format("{}\nA,1e9,1e9,1,H100,6.5,bf16\n", head)),
              HasSubstr("runs.csv:2: n_gpus: is 6.5, and must be a whole number"));
  EXPECT_THAT(message_of(fmt::format("{}\nA,1e9,2e9,1,H100,64,bf16\n", head)),
              HasSubstr("runs.csv:2: params_active: 2000000000 is more than params_total"));
  EXPECT_THAT(message_of(fmt::format("{}\nA,1e9,1e9,1\n", head)), HasSubstr("runs.csv:2"));
  EXPECT_THAT(message_of(fmt::format("{}\n,eos,gpt3,8,H100,2048,1536,1e9\n", mlperf_head)),
              HasSubstr("runs.csv:2: round: is empty"));
}

// The files that come with the program are read whole.
TEST(WholeRun, reads_what_comes_with_the_program) {
  for (const std::string_view path : embedded_whole_runs()) {
    const auto table = parse_csv(spec::embedded_text(path), std::string(path));
    ASSERT_TRUE(table.ok()) << table.error().text();
    const auto runs = read_whole_runs(*table);
    ASSERT_TRUE(runs.ok()) << runs.error().text();
    EXPECT_GT(runs->runs.size(), 80u);
    EXPECT_TRUE(std::ranges::any_of(runs->runs,
                                    [](const WholeRun& run) { return run.measured.has_value(); }));
  }
}

}  // namespace
}  // namespace celere::study
