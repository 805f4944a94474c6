#include "spec/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/files.hpp"
#include "spec/catalog.hpp"
#include "spec/scaled_model.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;

// A run file of which tests replace a part.
struct Parts {
  std::string run = "name = \"x\"\n";
  std::string model = "use = \"grok-1\"\n";
  std::string train =
      "tokens = \"1 T tokens\"\nsequence = 8192\nbatch = \"1024 sequences\"\nprecision = "
      "\"bf16\"\n";
  std::string cluster = "use = \"eos-h100\"\n";
  std::string rest = "";

  std::string text() const {
    return "[run]\n" + run + "[model]\n" + model + "[train]\n" + train + "[cluster]\n" + cluster +
           rest;
  }
};

Run parsed(const Parts& parts) {
  auto run = parse_run(parts.text(), "x.toml");
  if (!run.ok()) {
    ADD_FAILURE() << run.error().message;
    return {};
  }
  return *std::move(run);
}

std::string error_of(const Parts& parts) {
  const auto run = parse_run(parts.text(), "x.toml");
  return run.ok() ? "" : run.error().message;
}

// [train] is line 5 of the file, so its keys begin at line 6.
std::string train_error(const std::string& batch, const std::string& more = "") {
  return error_of({.train = "batch = " + batch +
                            "\nsequence = 8192\nprecision = \"bf16\"\ntokens = \"1 T tokens\"\n" +
                            more});
}

constexpr const char* critical =
    "critical_batch = { is = \"59 M tokens\", low = \"29.5 M tokens\", high = \"118 M tokens\", "
    "grade = \"assumption\", from = \"Zhang et al. 2024\" }\n";

TEST(RunFile, fills_what_is_left_out_with_the_documented_defaults) {
  const spec::Run run = parsed({});
  EXPECT_EQ(run.file, "x.toml");
  EXPECT_EQ(run.goal, Goal::time);
  EXPECT_EQ(run.model_name, "grok-1");
  EXPECT_FALSE(run.model.has_value());
  EXPECT_EQ(run.tokens, Tokens::of(1e12));
  EXPECT_FALSE(run.compute.has_value());
  EXPECT_EQ(run.batch.kind, BatchKind::fixed);
  ASSERT_EQ(run.batch.phases.size(), 1u);
  EXPECT_EQ(run.batch.phases[0].sequences, 1024);
  EXPECT_EQ(run.optimizer, Optimizer::adamw);
  EXPECT_FALSE(run.precision_auto);
  EXPECT_EQ(run.validate_every.of(1000), 50);
  EXPECT_EQ(run.validation, 64);
  EXPECT_EQ(run.schedule.decay, Decay::cosine);
  EXPECT_EQ(run.schedule.warmup.steps, 100);
  EXPECT_EQ(run.schedule.muon.learning_rate, 0.02);
  EXPECT_TRUE(run.model_fields.children.empty());
  EXPECT_FALSE(run.gpus.has_value());
  EXPECT_FALSE(run.start.has_value());
  EXPECT_EQ(run.stack_name, "");
  EXPECT_FALSE(run.spares.has_value());
  EXPECT_EQ(run.on_lost_replica, LostReplica::roll_back);
  EXPECT_FALSE(run.checkpoint.every.has_value());
  EXPECT_FALSE(run.checkpoint.every_steps.has_value());
  EXPECT_EQ(run.checkpoint.keep, 3);
  EXPECT_EQ(run.checkpoint.keep_every, 0);
  EXPECT_FALSE(run.layout.tp.has_value());
}

TEST(RunFile, reads_everything_that_it_documents) {
  const spec::Run run = parsed({.run = "name = \"x\"\ngoal = \"cost\"\n",
                                .cluster = "use = \"eos-h100\"\ngpus = 96\nstart = 2024-07-22\n"
                                           "stack = \"megatron-core-2024\"\n",
                                .rest = R"([layout]
tp = 8
zero_stage = 1
shard = 0
schedule = "zero-bubble"
partition = "balanced"
cp_method = "all-to-all"
recompute = "full-for-some"
order = "tp-cp-pp-dp"
sequence_parallel = true
offload_optimizer = false
[limits]
budget = "700 M$"
power = "150 MW"
power_per_rack = "40 kW"
gpus_per_rack = 32
power_per_gpu = "1.5 kW"
[checkpoint]
every = "20 min"
memory_copy = true
keep = 5
keep_every = "1000 steps"
[recovery]
spares = 64
on_lost_replica = "continue"
)"});
  EXPECT_EQ(run.goal, Goal::cost);
  EXPECT_EQ(run.gpus, 96);
  EXPECT_EQ(written(*run.start), "2024-07-22");
  EXPECT_EQ(run.stack_name, "megatron-core-2024");
  EXPECT_EQ(run.layout.tp, 8);
  EXPECT_EQ(run.layout.zero_stage, 1);
  EXPECT_EQ(run.layout.shard, 0);
  EXPECT_FALSE(run.layout.pp.has_value());
  EXPECT_EQ(run.layout.schedule, layout::Schedule::zero_bubble);
  EXPECT_EQ(run.layout.partition, layout::Partition::balanced);
  EXPECT_EQ(run.layout.cp_method, layout::CpMethod::all_to_all);
  EXPECT_EQ(run.layout.recompute, layout::Recompute::full_for_some);
  EXPECT_EQ(run.layout.order, layout::RankOrder::tp_cp_pp_dp);
  EXPECT_EQ(run.layout.sequence_parallel, true);
  EXPECT_EQ(run.layout.offload_optimizer, false);
  EXPECT_FALSE(run.layout.offload_activations.has_value());
  EXPECT_EQ(run.limits.budget, Dollars::of(7e8));
  EXPECT_EQ(run.limits.power, Watts::of(1.5e8));
  EXPECT_EQ(run.limits.power_per_rack, Watts::of(4e4));
  EXPECT_EQ(run.gpus_per_rack, 32);
  EXPECT_EQ(run.limits.power_per_gpu, Watts::of(1500));
  EXPECT_EQ(run.checkpoint.every, Seconds::of(1200));
  EXPECT_FALSE(run.checkpoint.every_steps.has_value());
  EXPECT_TRUE(run.checkpoint.memory_copy);
  EXPECT_EQ(run.checkpoint.keep, 5);
  EXPECT_EQ(run.checkpoint.keep_every, 1000);
  EXPECT_EQ(run.spares, 64);
  EXPECT_EQ(run.on_lost_replica, LostReplica::go_on);
}

// Line 5 is [train], 9 its fourth key; what the table does not have stands at the table.
TEST(RunFile, knows_where_its_keys_stand) {
  const spec::Run run = parsed({});
  EXPECT_EQ(run.place_of("train.precision"), "x.toml:9: train.precision");
  EXPECT_EQ(run.place_of("train.optimizer"), "x.toml:5: train.optimizer");
  EXPECT_EQ(run.place_of("layout.tp"), "x.toml: layout.tp");
}

// 64 Mi tokens are 64 x 1,048,576 / 8,192 = 8,192 sequences; 16 Mi are 2,048 and 128 Mi 16,384.
TEST(RunFile, counts_a_batch_of_tokens_in_sequences) {
  const std::string end = "\nsequence = 8192\nprecision = \"fp8\"\ncompute = \"3.5e26 FLOP\"\n";
  const spec::Run fixed = parsed({.train = "batch = \"64 Mi tokens\"" + end});
  EXPECT_EQ(fixed.batch.phases[0].sequences, 8192);
  EXPECT_EQ(fixed.compute, Flops::of(3.5e26));
  const spec::Run range = parsed(
      {.train = "batch = { from = \"16 Mi tokens\", to = \"128 Mi tokens\" }" + end + critical});
  EXPECT_EQ(range.batch.kind, BatchKind::range);
  EXPECT_EQ(range.batch.low, 2048);
  EXPECT_EQ(range.batch.high, 16384);
  EXPECT_EQ(range.critical_batch->value, Tokens::of(59e6));
  EXPECT_EQ(range.critical_batch->low, Tokens::of(29.5e6));
  EXPECT_EQ(range.critical_batch->grade, Grade::assumption);
  const spec::Run ramp =
      parsed({.train = "batch = [{ from = \"0 tokens\", batch = \"1 sequence\" }, "
                       "{ from = \"469 G tokens\", batch = \"15360 sequences\" }]" +
                       end});
  EXPECT_EQ(ramp.batch.kind, BatchKind::ramp);
  ASSERT_EQ(ramp.batch.phases.size(), 2u);
  EXPECT_EQ(ramp.batch.phases[0].sequences, 1);
  EXPECT_EQ(ramp.batch.phases[1].from, Tokens::of(469e9));
  EXPECT_EQ(ramp.batch.phases[1].sequences, 15360);
}

TEST(RunFile, takes_a_model_written_out_in_the_file) {
  const spec::Run run =
      parsed({.model = "layers = 32\nhidden = 4096\nvocab = 128256\nffn = 14336\n"
                       "attention = { heads = 32, kv_heads = 8, head_dim = 128 }\n"});
  EXPECT_EQ(run.model_name, "");
  ASSERT_TRUE(run.model.has_value());
  EXPECT_EQ(run.model->attention.kv_heads, 8);
  EXPECT_EQ(run.model->source, "x.toml");
  // Llama 3 8B by its own shape: 8,030,261,248 parameters as its makers' weights count them.
  EXPECT_EQ(count_parameters(*run.model).total, 8030261248);
}

// 1 Mi tokens are 128 sequences of 8,192.
TEST(RunFile, says_how_the_training_is_watched) {
  const spec::Run run = parsed({.train = "tokens = \"1 T tokens\"\nsequence = 8192\nbatch = \"8 "
                                         "sequences\"\nprecision = \"auto\"\noptimizer = "
                                         "\"muon\"\nvalidate_every = \"250 steps\"\n"
                                         "validation = \"1 Mi tokens\"\n",
                                .rest = "[schedule]\nlearning_rate = 0.001\nmuon = { momentum = "
                                        "0.9 }\n"});
  EXPECT_TRUE(run.precision_auto);
  EXPECT_EQ(run.validate_every.steps, 250);
  EXPECT_EQ(run.validate_every.share, 0);
  EXPECT_EQ(run.validation, 128);
  EXPECT_EQ(run.schedule.learning_rate, 0.001);
  EXPECT_EQ(run.schedule.muon.momentum, 0.9);
}

TEST(RunFileErrors, muon_is_set_where_it_is_used_and_validation_is_not_nothing) {
  EXPECT_EQ(error_of({.rest = "[schedule]\nmuon = { momentum = 0.9 }\n"}),
            "x.toml:13: schedule.muon: needs optimizer = \"muon\" in [train]");
  EXPECT_EQ(train_error("\"8 sequences\"", "validate_every = \"0 steps\"\n"),
            "x.toml:10: train.validate_every: must be more than nothing");
}

// 4,000,000 / 8,192 = 488.28: between 488 x 8,192 = 3,997,696 and 489 x 8,192 = 4,005,888.
TEST(RunFileErrors, a_batch_must_be_a_whole_number_of_sequences) {
  EXPECT_EQ(train_error("\"4M tokens\""),
            "x.toml:6: train.batch: \"4M tokens\" is not a whole number of sequences (8192 tokens "
            "each).\n"
            "The nearest that are: 3,997,696 tokens (488 sequences) and 4,005,888 tokens (489).");
  EXPECT_EQ(train_error("\"100 tokens\""),
            "x.toml:6: train.batch: \"100 tokens\" is not a whole number of sequences (8192 tokens "
            "each).\n"
            "The least that is: 8,192 tokens (1 sequence).");
  EXPECT_EQ(train_error("\"1.5 sequences\""),
            "x.toml:6: train.batch: \"1.5 sequences\" is not a whole number of at least 1");
}

TEST(RunFileErrors, a_batch_needs_its_unit) {
  EXPECT_EQ(train_error("4096"),
            "x.toml:6: train.batch: must be a text with its unit, such as \"64 Mi tokens\" or "
            "\"4096 sequences\"");
  EXPECT_EQ(train_error("\"4096\""),
            "x.toml:6: train.batch: \"4096\" is no batch; write for example \"64 Mi tokens\" or "
            "\"4096 sequences\"");
  EXPECT_EQ(train_error("\"1e30 tokens\""), "x.toml:6: train.batch: \"1e30 tokens\" is too large");
}

TEST(RunFileErrors, negative_amounts_and_counts_are_refused) {
  EXPECT_EQ(train_error("\"-8192 tokens\""),
            "x.toml:6: train.batch: \"-8192 tokens\" must be more than nothing");
  EXPECT_EQ(train_error("\"-4 sequences\""),
            "x.toml:6: train.batch: \"-4 sequences\" is not a whole number of at least 1");
  EXPECT_EQ(error_of({.cluster = "use = \"eos-h100\"\ngpus = -8\n"}),
            "x.toml:12: cluster.gpus: is -8, and must be from 1 to 16777216");
  EXPECT_EQ(error_of({.rest = "[limits]\nbudget = \"-1 M$\"\n"}),
            "x.toml:13: limits.budget: \"-1 M$\" is negative");
}

TEST(RunFile, counts_the_time_between_checkpoints_in_steps_too) {
  const auto every = [](const char* text) {
    return parsed({.rest = std::string("[checkpoint]\nevery = ") + text + "\n"}).checkpoint;
  };
  EXPECT_EQ(every("\"100 steps\"").every_steps, 100);
  EXPECT_EQ(every("\"1 step\"").every_steps, 1);
  EXPECT_FALSE(every("\"100 steps\"").every.has_value());
  EXPECT_FALSE(every("\"optimal\"").every_steps.has_value());
}

// [checkpoint] is line 12 of the file.
TEST(RunFileErrors, wrong_checkpoint_plans_are_refused) {
  const auto error = [](const char* line) {
    return error_of({.rest = std::string("[checkpoint]\n") + line + "\n"});
  };
  EXPECT_EQ(error("every = \"0 steps\""),
            "x.toml:13: checkpoint.every: \"0 steps\" is not a whole number of at least 1");
  EXPECT_EQ(error("every = \"2.5 steps\""),
            "x.toml:13: checkpoint.every: \"2.5 steps\" is not a whole number of at least 1");
  EXPECT_EQ(error("every = \"0 s\""), "x.toml:13: checkpoint.every: must be more than nothing");
  EXPECT_NE(error("every = 100"), "");
  EXPECT_EQ(error("keep = 0"), "x.toml:13: checkpoint.keep: is 0, and must be from 1 to 1048576");
  EXPECT_EQ(error("keep_every = \"1 h\""),
            "x.toml:13: checkpoint.keep_every: must count steps, such as \"1000 steps\"");
  EXPECT_EQ(error("keep_every = 1000"),
            "x.toml:13: checkpoint.keep_every: must count steps, such as \"1000 steps\"");
}

TEST(RunFileErrors, a_range_needs_the_critical_batch) {
  EXPECT_EQ(train_error("{ from = \"16 Mi tokens\", to = \"64 Mi tokens\" }"),
            "x.toml:6: train.batch: a range needs train.critical_batch: without it a larger batch "
            "costs no tokens, and more GPUs would always look better than they are");
  EXPECT_EQ(train_error("{ from = \"64 Mi tokens\", to = \"16 Mi tokens\" }", critical),
            "x.toml:6: train.batch.to: is less than \"from\"");
  EXPECT_EQ(train_error("{ from = \"64 Mi tokens\" }", critical),
            "x.toml:6: train.batch.to: is missing");
}

TEST(RunFileErrors, a_ramp_begins_at_nothing_and_ascends) {
  EXPECT_EQ(train_error("[{ from = \"1 G tokens\", batch = \"8 sequences\" }]"),
            "x.toml:6: train.batch.from: the first phase of a ramp begins at \"0 tokens\"");
  EXPECT_EQ(train_error("[{ from = \"0 tokens\", batch = \"8 sequences\" }, "
                        "{ from = \"0 tokens\", batch = \"9 sequences\" }]"),
            "x.toml:6: train.batch.from: each phase of a ramp begins after the one before");
  EXPECT_EQ(train_error("[]"), "x.toml:6: train.batch: a ramp needs at least one phase");
}

TEST(RunFileErrors, an_unknown_key_comes_with_the_nearest_known_one) {
  EXPECT_EQ(train_error("\"8 sequences\"", "optimiser = \"adamw\"\n"),
            "x.toml:10: train.optimiser: is not a key that is known here; is \"optimizer\" meant?");
  EXPECT_EQ(error_of({.rest = "[weather]\npath = \"x\"\n"}),
            "x.toml:12: weather: is not a key that is known here");
}

TEST(RunFileErrors, tokens_and_compute_exclude_each_other) {
  EXPECT_EQ(train_error("\"8 sequences\"", "compute = \"1e20 FLOP\"\n"),
            "x.toml:9: train.tokens: stands beside compute: give one of the two");
  EXPECT_EQ(error_of({.train = "sequence = 8\nbatch = \"8 sequences\"\nprecision = \"bf16\"\n"}),
            "x.toml:5: train.tokens: is missing: give tokens = \"15 T tokens\" or compute = "
            "\"3.5e26 FLOP\"");
}

TEST(RunFileErrors, choices_list_what_there_is) {
  EXPECT_EQ(error_of({.run = "name = \"x\"\ngoal = \"speed\"\n"}),
            "x.toml:3: run.goal: \"speed\" is none of time, cost, energy");
  EXPECT_EQ(error_of({.rest = "[layout]\nschedule = \"gpipe\"\nzero_stage = 4\ntp = \"8\"\n"}),
            "x.toml:13: layout.schedule: \"gpipe\" is none of 1f1b, interleaved, zero-bubble, "
            "dualpipe\n"
            "x.toml:14: layout.zero_stage: is 4, and must be from 0 to 3\n"
            "x.toml:15: layout.tp: is a text, and must be a whole number");
}

TEST(RunFileErrors, missing_units_types_dates_and_tables_are_named) {
  EXPECT_EQ(error_of({.cluster = "use = \"eos-h100\"\nstart = \"soon\"\n"}),
            "x.toml:12: cluster.start: is a text, and must be a date without quotes: 2024-07-22");
  EXPECT_EQ(error_of({.rest = "[checkpoint]\nevery = 20\n"}),
            "x.toml:13: checkpoint.every: 20 has no unit; write for example \"20 min\", \"1.5 s\" "
            "or \"8 us\"");
  EXPECT_EQ(error_of({.rest = "[limits]\npower_per_rack = \"40 kW\"\n"}),
            "x.toml:13: limits.power_per_rack: needs gpus_per_rack beside it");
  EXPECT_EQ(parse_run("[run]\nname = \"x\"\n", "x.toml").error().message,
            "x.toml:1: cluster: is missing\n"
            "x.toml:1: model: is missing\n"
            "x.toml:1: train: is missing");
}

TEST(RunFileErrors, a_duplicate_key_is_refused_with_line_and_column) {
  EXPECT_EQ(
      error_of({.rest = "[layout]\ntp = 8\ntp = 4\n"}),
      "x.toml:14:6: Error while parsing key-value pair: cannot redefine existing integer 'tp'");
}

TEST(LayoutText, is_the_layout_table_in_one_line) {
  const auto wish = parse_layout_text(
      "tp=8,pp=16,vpp=6,schedule=interleaved,order=tp-cp-pp-dp,"
      "sequence_parallel=true,shard=0");
  ASSERT_TRUE(wish.ok()) << wish.error().message;
  EXPECT_EQ(wish->tp, 8);
  EXPECT_EQ(wish->pp, 16);
  EXPECT_EQ(wish->vpp, 6);
  EXPECT_EQ(wish->shard, 0);
  EXPECT_EQ(wish->schedule, layout::Schedule::interleaved);
  EXPECT_EQ(wish->order, layout::RankOrder::tp_cp_pp_dp);
  EXPECT_EQ(wish->sequence_parallel, true);
  EXPECT_FALSE(wish->dp.has_value());
}

// What layout::written() prints, the flag takes: no key has two names.
TEST(LayoutText, reads_every_key_that_a_written_layout_has) {
  layout::Layout all{.tp = 2, .cp = 2, .pp = 2, .vpp = 2, .dp = 2, .ep = 2, .etp = 2};
  all.micro_batch = 2;
  all.zero_stage = 1;
  all.shard = 2;
  all.recompute_layers = 1;
  all.schedule = layout::Schedule::interleaved;
  all.partition = layout::Partition::balanced;
  all.cp_method = layout::CpMethod::all_gather;
  all.recompute = layout::Recompute::full_for_some;
  all.order = layout::RankOrder::tp_cp_pp_dp;
  all.sequence_parallel = all.offload_optimizer = all.offload_activations = true;
  const auto wish = parse_layout_text(layout::written(all));
  ASSERT_TRUE(wish.ok()) << wish.error().message;
  EXPECT_EQ(wish->shard, 2);
  EXPECT_EQ(wish->recompute, layout::Recompute::full_for_some);
  EXPECT_EQ(wish->recompute_layers, 1);
  EXPECT_EQ(wish->cp_method, layout::CpMethod::all_gather);
  EXPECT_EQ(wish->offload_activations, true);
  EXPECT_EQ(layout_of(*wish), all);
}

// A flag over a file: what the flag says holds, and of what neither says the plain layout.
TEST(LayoutText, is_put_over_what_a_file_says) {
  const LayoutWish file = *parse_layout_text("tp=2,dp=4,zero_stage=1");
  const layout::Layout both = layout_of(merged(file, *parse_layout_text("dp=1,pp=2,vpp=3")));
  EXPECT_EQ(both.tp, 2);
  EXPECT_EQ(both.dp, 1);
  EXPECT_EQ(both.zero_stage, 1);
  EXPECT_EQ(both.cp, 1);
  // Virtual stages have one schedule.
  EXPECT_EQ(both.schedule, layout::Schedule::interleaved);
}

TEST(LayoutText, names_flag_and_key_of_every_mistake) {
  const auto error = [](std::string_view text) {
    const auto wish = parse_layout_text(text);
    return wish.ok() ? "" : wish.error().message;
  };
  EXPECT_EQ(error("tp=0,schedul=1f1b,pp=four"),
            "--layout: pp: is a text, and must be a whole number\n"
            "--layout: schedul: is not a key that is known here; is \"schedule\" meant?\n"
            "--layout: tp: is 0, and must be from 1 to 16777216");
  EXPECT_EQ(error("tp=8,tp=4"), "--layout: tp: stands there twice");
  EXPECT_EQ(error("tp"), "--layout: \"tp\" is not KEY=VALUE, as in tp=8,pp=16");
  EXPECT_EQ(error(""), "--layout: \"\" is not KEY=VALUE, as in tp=8,pp=16");
  EXPECT_EQ(error("order=[layout]"),
            "--layout: order: \"[layout]\" is none of tp-cp-dp-pp, tp-cp-pp-dp");
}

std::string read_file(const std::string& path) {
  const auto content = local_files()->read(path);
  EXPECT_TRUE(content.ok()) << path;
  return content.ok() ? *content : "";
}

TEST(Examples, are_all_correct_and_name_entries_that_exist) {
  const auto no_files = memory_files();
  const Catalog catalog(*no_files, {});
  const auto names = local_files()->list("examples");
  int seen = 0;
  for (const std::string& name : names) {
    if (!name.ends_with(".toml")) continue;
    const std::string content = read_file("examples/" + name);
    EXPECT_TRUE(content.starts_with("# ")) << name << " does not say which question it answers";
    const auto run = parse_run(content, "examples/" + name);
    ASSERT_TRUE(run.ok()) << run.error().message;
    const auto model = model_of(*run, catalog);
    EXPECT_TRUE(model.ok()) << name << ": " << model.error().text();
    // What a user's machine is, celere calibrate says there.
    const bool of_the_user = run->cluster_name == "this-machine";
    EXPECT_NE(catalog.content(Kind::cluster, run->cluster_name).ok(), of_the_user) << name;
    ++seen;
  }
  EXPECT_GE(seen, 7);
}

// The keys that docs/run-file.md documents: its headings "## `[table]`" and the rows below them.
std::set<std::string> documented_keys(const std::string& document) {
  std::set<std::string> keys;
  std::string table;
  std::size_t at = 0;
  while (at < document.size()) {
    const std::size_t end = std::min(document.find('\n', at), document.size());
    const std::string line = document.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("## `[")) {
      table = line.substr(5, line.find(']') - 5);
      keys.insert(table);
    } else if (line.starts_with("| `")) {
      keys.insert(table + "." + line.substr(3, line.find('`', 3) - 3));
    }
  }
  return keys;
}

// No single file has a range and a ramp, or two kinds of attention: together these have every key.
TEST(RunFileDocument, has_exactly_the_keys_that_the_parser_knows) {
  const std::string all_tables =
      "[compare]\n[layout]\n[limits]\n[checkpoint]\n[recovery]\n[[slowdown]]\n[sources]\n"
      "[schedule]\nkind = \"stable-decay\"\n[schedule.muon]\n";
  const std::string experts = "[model.experts]\ncount = 8\n";
  std::set<std::string> known;
  for (const Parts& parts :
       {Parts{.rest = all_tables},
        Parts{.model = "[model.attention]\nkind = \"latent\"\n" + experts,
              .train = std::string("batch = { from = \"8 sequences\" }\n") + critical},
        Parts{.model = "[model.attention]\nkind = \"grouped\"\n",
              .train = "batch = [{ from = \"0 tokens\" }]\n",
              .rest = "[data]\nsources = [{ kind = \"wordnet\" }, { kind = \"jsonl\" }, {}]\n"
                      "tokenizer = {}\nfilters = {}\n"},
        Parts{.rest = "[data.tokenizer]\nfile = \"x.model\"\n"}}) {
    for (const std::string& key : keys_asked_of(parts.text())) known.insert(key);
  }
  EXPECT_EQ(known, documented_keys(read_file("docs/run-file.md")));
}

TEST(RunFileDocument, opens_with_a_complete_run_file) {
  const std::string document = read_file("docs/run-file.md");
  const std::size_t from = document.find("```toml\n") + 8;
  const std::string example = document.substr(from, document.find("```", from) - from);
  const auto run = parse_run(example, "docs/run-file.md");
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->layout.tp, 8);
}

}  // namespace
}  // namespace celere::spec
