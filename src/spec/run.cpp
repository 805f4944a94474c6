#include "spec/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t gpus_max = 1 << 24;
constexpr std::int64_t sequences_max = std::int64_t{1} << 40;

std::string is_not_whole(const std::string& text, double count, std::int64_t sequence) {
  const double each = static_cast<double>(sequence);
  const double below = std::floor(count), above = std::ceil(count);
  const std::string problem =
      fmt::format("\"{}\" is not a whole number of sequences ({} tokens each).\n", text, sequence);
  if (below < 1) {
    return problem + fmt::format("The least that is: {} tokens (1 sequence).", written_count(each));
  }
  return problem + fmt::format("The nearest that are: {} tokens ({} sequences) and {} tokens ({}).",
                               written_count(below * each), written_count(below),
                               written_count(above * each), written_count(above));
}

// "4096 sequences" or "1 sequence"; nothing where the text counts something else.
std::optional<double> counted_sequences(std::string_view text) {
  for (const std::string_view word : {" sequences", " sequence"}) {
    if (!text.ends_with(word)) continue;
    text.remove_suffix(word.size());
    double count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc{} && end == text.data() + text.size() ? count : 0;
  }
  return std::nullopt;
}

// A batch as people write it: "4096 sequences", or tokens that make a whole number of sequences.
// 0 where it is wrong, which was noted.
std::int64_t read_sequences(const TomlTable& table, const char* key, std::int64_t sequence) {
  const char* example = "\"64 Mi tokens\" or \"4096 sequences\"";
  if (!table.is_text(key)) {
    table.mistake(key, table.has(key)
                           ? fmt::format("must be a text with its unit, such as {}", example)
                           : "is missing");
    return 0;
  }
  const std::string text = table.text(key);
  double count = 0;
  if (const std::optional<double> counted = counted_sequences(text)) {
    count = *counted;
    if (!(count >= 1) || count != std::floor(count)) {
      table.mistake(key, fmt::format("\"{}\" is not a whole number of at least 1", text));
      return 0;
    }
  } else {
    const Result<Tokens> tokens = parse_quantity<Tokens>(text);
    if (!tokens.ok()) {
      table.mistake(key, fmt::format("\"{}\" is no batch; write for example {}", text, example));
      return 0;
    }
    count = tokens->in_base() / static_cast<double>(sequence);
    if (!(count > 0)) {
      table.mistake(key, fmt::format("\"{}\" must be more than nothing", text));
      return 0;
    }
  }
  if (count > static_cast<double>(sequences_max)) {
    table.mistake(key, fmt::format("\"{}\" is too large", text));
    return 0;
  }
  // Written decimals of a large amount may miss a whole number by rounding.
  if (count >= 0.5 && std::abs(count - std::round(count)) < 1e-9) return std::llround(count);
  table.mistake(key, is_not_whole(text, count, sequence));
  return 0;
}

Batch read_batch(const TomlTable& train, std::int64_t sequence) {
  Batch batch;
  if (train.is_table("batch")) {
    const TomlTable range = train.table("batch");
    batch.kind = BatchKind::range;
    batch.low = read_sequences(range, "from", sequence);
    batch.high = read_sequences(range, "to", sequence);
    if (batch.high > 0 && batch.low > batch.high) range.mistake("to", "is less than \"from\"");
    return batch;
  }
  if (train.is_list("batch")) {
    batch.kind = BatchKind::ramp;
    for (const TomlTable& phase : train.tables("batch")) {
      const BatchPhase next{.from = phase.quantity<Tokens>("from"),
                            .sequences = read_sequences(phase, "batch", sequence)};
      if (batch.phases.empty() && next.from > Tokens{}) {
        phase.mistake("from", "the first phase of a ramp begins at \"0 tokens\"");
      }
      if (!batch.phases.empty() && next.from <= batch.phases.back().from) {
        phase.mistake("from", "each phase of a ramp begins after the one before");
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
  precisions.emplace_back("auto");
  const int precision = train.choice("precision", precisions, -1);
  run.precision_auto = precision == precision_count;
  if (!run.precision_auto) run.precision = static_cast<Precision>(precision);
  run.optimizer = static_cast<Optimizer>(train.choice("optimizer", {"adamw", "sgd", "muon"}, 0));
  if (train.has("critical_batch")) {
    run.critical_batch = train.fact<Tokens>("critical_batch");
    if (run.critical_batch->value && *run.critical_batch->value == Tokens{}) {
      train.mistake("critical_batch", "must be more than nothing");
    }
  }
  if (run.batch.kind == BatchKind::range && !(run.critical_batch && run.critical_batch->known())) {
    train.mistake("batch",
                  "a range needs train.critical_batch: without it a larger batch costs no tokens, "
                  "and more GPUs would always look better than they are");
  }
  if (train.has("expert_imbalance"))
    run.expert_imbalance = train.number("expert_imbalance", 1, 100);
  run.validate_every = read_steps_or_share(train, "validate_every", run.validate_every);
  if (run.validate_every.steps == 0 && run.validate_every.share == 0) {
    train.mistake("validate_every", "must be more than nothing");
  }
  if (train.has("validation")) {
    run.validation = read_sequences(train, "validation", run.sequence);
  }
}

// What an entry of the catalogue says about itself, not of the model's shape.
constexpr std::string_view of_entries[] = {"source",    "grade",      "hugging_face",
                                           "published", "difference", "sources"};

void read_model_fields(Run& run, const TomlTable& table) {
  run.model_fields = table.taken();
  auto& fields = run.model_fields.children;
  std::erase_if(fields, [](const TomlNode& node) { return node.key == "use"; });
  for (const TomlNode& field : fields) {
    if (std::find(std::begin(of_entries), std::end(of_entries), field.key) == std::end(of_entries))
      continue;
    table.mistake(field.key, "is said by the catalogue's entry alone");
  }
}

void read_model_choice(Run& run, const TomlTable& table) {
  if (table.has("use")) {
    run.model_name = table.text("use");
    read_model_fields(run, table);
    return;
  }
  Model model = read_model(table, run.name);
  model.source = run.file;
  run.model = std::move(model);
}

void read_cluster_choice(Run& run, const TomlTable& cluster) {
  run.cluster_name = cluster.text("use");
  if (cluster.has("gpus")) run.gpus = static_cast<int>(cluster.integer("gpus", 1, gpus_max));
  run.start = cluster.date_if("start");
  run.stack_name = cluster.text_or("stack", "");
  if (cluster.has("late")) run.late = read_time_range(cluster, "late");
}

void read_limits(Run& run, const TomlTable& limits) {
  run.limits.budget = limits.quantity_if<Dollars>("budget");
  run.limits.power = limits.quantity_if<Watts>("power");
  run.limits.power_per_rack = limits.quantity_if<Watts>("power_per_rack");
  run.limits.power_per_gpu = limits.quantity_if<Watts>("power_per_gpu");
  run.gpus_per_rack = static_cast<int>(limits.integer_or("gpus_per_rack", 0, 1, gpus_max));
  if (run.limits.power_per_rack && run.gpus_per_rack == 0) {
    limits.mistake("power_per_rack", "needs gpus_per_rack beside it");
  }
}

void read_recovery(Run& run, const TomlTable& recovery) {
  if (recovery.has("spares")) {
    run.spares = static_cast<int>(recovery.integer("spares", 0, gpus_max));
  }
  run.on_lost_replica =
      static_cast<LostReplica>(recovery.choice("on_lost_replica", {"roll back", "continue"}, 0));
  run.check_every = read_check_every(recovery);
  run.recovery = read_recovery_plan(recovery);
}

// Mistakes are noted in the document.
Run read_run(TomlDocument& document) {
  const TomlTable root = document.root();
  Run run;
  run.file = document.name();
  const TomlTable about = root.table("run");
  run.name = about.text("name");
  run.goal = static_cast<Goal>(about.choice("goal", {"time", "cost", "energy"}, 0));
  read_model_choice(run, root.table("model"));
  read_train(run, root.table("train"));
  read_cluster_choice(run, root.table("cluster"));
  if (const auto compare = root.table_if("compare")) run.compared = compare->texts("clusters");
  if (const auto layout = root.table_if("layout")) run.layout = read_layout_wish(*layout);
  if (const auto limits = root.table_if("limits")) read_limits(run, *limits);
  if (const auto checkpoint = root.table_if("checkpoint")) {
    run.checkpoint = read_checkpoint_plan(*checkpoint);
  }
  if (const auto recovery = root.table_if("recovery")) read_recovery(run, *recovery);
  for (const TomlTable& table : root.tables("slowdown")) {
    run.slowdowns.push_back(read_slowdown_plan(table));
  }
  if (const auto schedule = root.table_if("schedule")) {
    run.schedule = read_schedule(*schedule);
    if (run.optimizer != Optimizer::muon && schedule->has("muon")) {
      schedule->mistake("muon", "needs optimizer = \"muon\" in [train]");
    }
  }
  if (const auto data = root.table_if("data")) run.data = read_data(*data);
  return run;
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
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, std::move(file)));
  Run run = read_run(*document);
  RETURN_IF_ERROR(document->finish());
  run.lines = document->lines();
  return run;
}

std::string Run::place_of(const std::string& key) const {
  auto found = lines.find(key);
  if (found == lines.end()) found = lines.find(key.substr(0, key.rfind('.')));
  return found == lines.end() ? fmt::format("{}: {}", file, key)
                              : fmt::format("{}:{}: {}", file, found->second, key);
}

std::vector<std::string> keys_asked_of(std::string_view toml) {
  const auto document = TomlDocument::parse(toml, "run file");
  if (!document.ok()) return {};
  (void)read_run(**document);
  return (*document)->asked();
}

}  // namespace celere::spec
