#include "spec/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t most_degree = 1 << 24;

template <typename Enum>
std::vector<std::string> names_of(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.emplace_back(layout::name_of(static_cast<Enum>(i)));
  return names;
}

template <typename Enum>
std::optional<Enum> choice_if(const TomlTable& table, const char* key, int count) {
  if (!table.has(key)) return std::nullopt;
  return static_cast<Enum>(table.choice(key, names_of<Enum>(count), 0));
}

std::optional<int> degree_if(const TomlTable& table, const char* key, int least) {
  if (!table.has(key)) return std::nullopt;
  return static_cast<int>(table.integer(key, least, most_degree));
}

std::optional<bool> boolean_if(const TomlTable& table, const char* key) {
  if (!table.has(key)) return std::nullopt;
  return table.boolean_or(key, false);
}

LayoutWish read_layout(const TomlTable& table) {
  LayoutWish wish;
  wish.tp = degree_if(table, "tp", 1);
  wish.cp = degree_if(table, "cp", 1);
  wish.pp = degree_if(table, "pp", 1);
  wish.vpp = degree_if(table, "vpp", 1);
  wish.dp = degree_if(table, "dp", 1);
  wish.ep = degree_if(table, "ep", 1);
  wish.etp = degree_if(table, "etp", 1);
  wish.micro_batch = degree_if(table, "micro_batch", 1);
  wish.zero_stage = degree_if(table, "zero_stage", 0);
  if (wish.zero_stage && *wish.zero_stage > 3) table.mistake("zero_stage", "must be from 0 to 3");
  wish.shard = degree_if(table, "shard", 0);
  wish.recompute_layers = degree_if(table, "recompute_layers", 0);
  wish.schedule = choice_if<layout::Schedule>(table, "schedule", layout::schedule_count);
  wish.partition = choice_if<layout::Partition>(table, "partition", 2);
  wish.cp_method = choice_if<layout::CpMethod>(table, "cp_method", 3);
  wish.recompute = choice_if<layout::Recompute>(table, "recompute", 4);
  wish.order = choice_if<layout::RankOrder>(table, "order", 2);
  wish.sequence_parallel = boolean_if(table, "sequence_parallel");
  wish.offload_optimizer = boolean_if(table, "offload_optimizer");
  wish.offload_activations = boolean_if(table, "offload_activations");
  return wish;
}

// A batch as people write it: "4096 sequences", or an amount of tokens that is a whole number of
// sequences.
std::int64_t read_sequences(const TomlTable& table, const char* key, std::int64_t sequence) {
  const std::string text = table.text(key);
  constexpr std::string_view word = " sequences";
  if (text.ends_with(word)) {
    const Result<double> count =
        parse_share(std::string_view(text).substr(0, text.size() - word.size()));
    if (count.ok() && *count >= 1 && *count <= 1e12 && std::floor(*count) == *count) {
      return static_cast<std::int64_t>(*count);
    }
    table.mistake(key, fmt::format("\"{}\" is not a whole number of sequences", text));
    return 1;
  }
  const Result<Tokens> tokens = parse_quantity<Tokens>(text);
  if (!tokens.ok()) {
    if (text != "?") table.mistake(key, tokens.error().message + " or \"4096 sequences\"");
    return 1;
  }
  const double each = static_cast<double>(sequence);
  const double count = tokens->in_base() / each;
  if (!(count > 0 && count < 1e12)) {
    table.mistake(key, fmt::format("\"{}\" must be more than nothing", text));
    return 1;
  }
  if (std::abs(count - std::round(count)) < 1e-9 * count && count >= 0.5) {
    return static_cast<std::int64_t>(std::llround(count));
  }
  const double below = std::floor(count), above = std::ceil(count);
  table.mistake(key,
                fmt::format("\"{}\" is not a whole number of sequences ({} tokens each).\n"
                            "The nearest that are: {} tokens ({} sequences) and {} tokens ({})",
                            text, sequence, written_count(below * each), written_count(below),
                            written_count(above * each), written_count(above)));
  return 1;
}

Batch read_batch(const TomlTable& train, std::int64_t sequence) {
  Batch batch;
  if (train.is_table("batch")) {
    const TomlTable range = train.table("batch");
    batch.kind = BatchKind::range;
    batch.low = read_sequences(range, "from", sequence);
    batch.high = read_sequences(range, "to", sequence);
    if (batch.low > batch.high) range.mistake("to", "is less than from");
    return batch;
  }
  if (train.is_list("batch")) {
    batch.kind = BatchKind::ramp;
    for (const TomlTable& phase : train.tables("batch")) {
      const BatchPhase next{.from = phase.quantity<Tokens>("from"),
                            .sequences = read_sequences(phase, "batch", sequence)};
      if (batch.phases.empty() ? next.from > Tokens{} : next.from <= batch.phases.back().from) {
        phase.mistake("from", "the phases of a ramp begin at \"0 tokens\" and follow each other");
      }
      batch.phases.push_back(next);
    }
    if (batch.phases.empty()) train.mistake("batch", "a ramp needs at least one phase");
    return batch;
  }
  batch.phases.push_back({.from = Tokens{}, .sequences = read_sequences(train, "batch", sequence)});
  return batch;
}

void read_train(Run& run, const TomlTable& train) {
  run.sequence = train.integer("sequence", 1, 1 << 28);
  run.tokens = train.quantity_if<Tokens>("tokens");
  run.compute = train.quantity_if<Flops>("compute");
  if (run.tokens.has_value() == run.compute.has_value()) {
    train.mistake("tokens",
                  run.tokens
                      ? "stands beside compute: give one of the two"
                      : "is missing: give tokens = \"15 T tokens\" or compute = \"3.5e26 FLOP\"");
  }
  if (run.tokens && *run.tokens == Tokens{}) train.mistake("tokens", "must be more than nothing");
  if (run.compute && *run.compute == Flops{}) train.mistake("compute", "must be more than nothing");
  run.batch = read_batch(train, run.sequence);
  std::vector<std::string> precisions;
  for (int i = 0; i < precision_count; ++i)
    precisions.emplace_back(name_of(static_cast<Precision>(i)));
  run.precision = static_cast<Precision>(train.choice("precision", precisions, -1));
  run.optimizer = static_cast<Optimizer>(train.choice("optimizer", {"adamw", "sgd", "muon"}, 0));
  if (train.has("critical_batch")) {
    run.critical_batch = train.fact<Tokens>("critical_batch");
    if (run.critical_batch->value && *run.critical_batch->value == Tokens{}) {
      train.mistake("critical_batch", "must be more than nothing");
    }
  }
  if (run.batch.kind == BatchKind::range && !(run.critical_batch && run.critical_batch->known())) {
    train.mistake("batch",
                  "a range needs train.critical_batch: without it a larger batch costs nothing, "
                  "and the largest "
                  "would always look best");
  }
  if (train.has("expert_imbalance"))
    run.expert_imbalance = train.number("expert_imbalance", 1, 100);
}

void read_model_choice(Run& run, const TomlTable& table) {
  if (table.has("use")) {
    run.model_name = table.text("use");
    return;
  }
  Model model = read_model(table, run.name);
  model.source = run.file;
  run.model = std::move(model);
}

void read_rest(Run& run, const TomlTable& root) {
  const TomlTable cluster = root.table("cluster");
  run.cluster_name = cluster.text("use");
  run.gpus = degree_if(cluster, "gpus", 1);
  run.start = cluster.date_if("start");
  run.stack_name = cluster.text_or("stack", "");
  if (const auto layout = root.table_if("layout")) run.layout = read_layout(*layout);
  if (const auto limits = root.table_if("limits")) {
    run.limits.budget = limits->quantity_if<Dollars>("budget");
    run.limits.power = limits->quantity_if<Watts>("power");
    run.limits.power_per_rack = limits->quantity_if<Watts>("power_per_rack");
    run.limits.power_per_gpu = limits->quantity_if<Watts>("power_per_gpu");
    run.gpus_per_rack = static_cast<int>(limits->integer_or("gpus_per_rack", 0, 1, most_degree));
    if (run.limits.power_per_rack && run.gpus_per_rack == 0) {
      limits->mistake("power_per_rack", "needs gpus_per_rack beside it");
    }
  }
  if (const auto checkpoint = root.table_if("checkpoint")) {
    if (checkpoint->text_or("every", "optimal") != "optimal") {
      run.checkpoint_every = checkpoint->quantity<Seconds>("every");
      if (*run.checkpoint_every == Seconds{})
        checkpoint->mistake("every", "must be more than nothing");
    }
    run.checkpoint_memory_copy = checkpoint->boolean_or("memory_copy", false);
  }
  if (const auto recovery = root.table_if("recovery")) {
    run.spares = degree_if(*recovery, "spares", 0);
    run.on_lost_replica =
        static_cast<LostReplica>(recovery->choice("on_lost_replica", {"roll back", "continue"}, 0));
  }
}

}  // namespace

const char* name_of(Goal goal) {
  switch (goal) {
    case Goal::time:
      return "time";
    case Goal::cost:
      return "cost";
    case Goal::energy:
      return "energy";
  }
  CHECK(false);
}

const char* name_of(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::adamw:
      return "adamw";
    case Optimizer::sgd:
      return "sgd";
    case Optimizer::muon:
      return "muon";
  }
  CHECK(false);
}

Result<Run> parse_run(std::string_view toml, std::string file) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document, TomlDocument::parse(toml, file));
  const TomlTable root = document->root();
  Run run;
  run.file = std::move(file);
  const TomlTable about = root.table("run");
  run.name = about.text("name");
  run.goal = static_cast<Goal>(about.choice("goal", {"time", "cost", "energy"}, 0));
  read_model_choice(run, root.table("model"));
  read_train(run, root.table("train"));
  read_rest(run, root);
  RETURN_IF_ERROR(document->finish());
  return run;
}

Result<LayoutWish> parse_layout_text(std::string_view text) {
  // The flag's "tp=8,schedule=1f1b" is the [layout] table written in one line.
  std::string toml = "[layout]\n";
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    const std::string_view part = text.substr(from, comma - from);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == part.size() ||
        part.find_first_of("\"\\\n\r[]#") != std::string_view::npos) {
      return bad_input(
          fmt::format("--layout: \"{}\" is not of the form key=value, as in tp=8,pp=16", part));
    }
    const std::string_view value = part.substr(equals + 1);
    const bool bare = value == "true" || value == "false" ||
                      value.find_first_not_of("0123456789") == std::string_view::npos;
    toml += fmt::format("{} = {}{}{}\n", part.substr(0, equals), bare ? "" : "\"", value, bare ? "" : "\"");
    from = comma + 1;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, "--layout"));
  const LayoutWish wish = read_layout(document->root().table("layout"));
  RETURN_IF_ERROR(document->finish());
  return wish;
}

}  // namespace celere::spec
