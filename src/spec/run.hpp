// The run file: what is trained, on what, towards which goal. docs/run-file.md documents every key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/date.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/checkpoint_plan.hpp"
#include "spec/data.hpp"
#include "spec/fact.hpp"
#include "spec/layout_wish.hpp"
#include "spec/model.hpp"
#include "spec/precision.hpp"
#include "spec/recovery_plan.hpp"
#include "spec/schedule.hpp"
#include "spec/slowdown_plan.hpp"
#include "spec/toml_tree.hpp"

namespace celere::spec {

enum class Goal { time, cost, energy };
const char* name_of(Goal goal);

// A global batch from a number of consumed tokens on.
struct BatchPhase {
  Tokens from;
  std::int64_t sequences = 0;
};

enum class BatchKind { fixed, ramp, range };

struct Batch {
  BatchKind kind = BatchKind::fixed;
  std::vector<BatchPhase> phases;  // fixed: one; ramp: from 0 tokens on, ascending
  std::int64_t low = 0, high = 0;  // range: sequences
};

struct Limits {
  std::optional<Dollars> budget;
  std::optional<Watts> power;           // of the site
  std::optional<Watts> power_per_rack;  // with gpus_per_rack of the run
  std::optional<Watts> power_per_gpu;
};

enum class LostReplica { roll_back, go_on };

enum class Optimizer { adamw, sgd, muon };
const char* name_of(Optimizer optimizer);

struct Run {
  std::string file;                    // as given on the command line
  std::map<std::string, int> lines{};  // of its keys, dotted
  // "run.toml:14: train.batch", for messages; the line of the table where the key is absent.
  std::string place_of(const std::string& key) const;
  std::string name;
  Goal goal = Goal::time;
  std::string model_name;  // of the catalogue; empty: `model` stands in the file
  std::optional<Model> model;
  // What stands beside [model] use: it replaces what the entry says; spec/scaled_model.hpp.
  TomlNode model_fields{};
  // Exactly one of the two is given; tokens = compute / (6 x active parameters), at a small batch.
  std::optional<Tokens> tokens;
  std::optional<Flops> compute;
  Batch batch;
  std::int64_t sequence = 0;
  Precision precision = Precision::bf16;
  bool precision_auto = false;  // by what the chip does best: measured_precision() in spec/chip.hpp
  Optimizer optimizer = Optimizer::adamw;
  // The batch that needs 20 % more tokens; unknown: tokens do not depend on the batch, which must
  // then be fixed.
  std::optional<Fact<Tokens>> critical_batch;
  // Tokens of the busiest rank's experts over the mean; empty: 1.
  std::optional<double> expert_imbalance;
  StepsOrShare validate_every{.share = 0.05};  // rounds to 0 where the training is very short
  std::int64_t validation = 64;                // sequences
  Schedule schedule{};
  std::string cluster_name;
  std::optional<int> gpus;  // at most; empty: all of the cluster
  std::optional<Date> start;
  std::string stack_name;  // empty: the cluster's
  // By how much the cluster's deliveries come later than its entry says; empty: by nothing.
  std::optional<TimeRange> late{};
  std::vector<std::string> compared = {};  // clusters, each "NAME" or "NAME:GPUS"
  LayoutWish layout;
  Limits limits;
  // GPUs held ready; empty: 1 % of the ranks, as far as there are.
  std::optional<int> spares;
  LostReplica on_lost_replica = LostReplica::roll_back;
  std::int64_t check_every = 0;  // steps between checks for silent corruption; 0: never
  RecoveryPlan recovery{};       // the rest of [recovery]
  std::vector<SlowdownPlan> slowdowns{};
  CheckpointPlan checkpoint;
  int gpus_per_rack = 0;         // for limits.power_per_rack
  std::optional<DataSpec> data;  // for a training on real text
};

// `file` is what messages call it. Errors: bad_input with file, line and key, all mistakes at once.
Result<Run> parse_run(std::string_view toml, std::string file);

// The keys that parse_run asks for when it reads this content, dotted ("train.batch"): a test holds
// docs/run-file.md against them.
std::vector<std::string> keys_asked_of(std::string_view toml);

}  // namespace celere::spec
