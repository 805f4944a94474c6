// How large trainings fail and are mended, beside what a cluster's own entry says of it: an entry
// of catalog/failures/. A cluster names one in its [failures] (causes = "default", which it is
// where it names none); what the cluster says itself goes before what stands here.
//
// A cause is one of two kinds. Those with a `weight` share the cluster's rate of unexpected
// interruptions among them, so that nothing is counted twice; as weights serve the counts of a
// publication. Those with a rate of their own come beside: what does not interrupt (slow nodes), or
// was not counted among the unexpected (planned maintenance).
//
// Leaves out: how a training recovers, which is for policy/.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/fact.hpp"

namespace celere::spec {

inline constexpr std::string_view common_failures = "default";

enum class FailureEffect : std::uint8_t {
  crash,    // a process ends; its node is as good as before
  lost,     // the node (or its whole group) is gone until it is repaired
  hang,     // a process stands still: it is noticed and found, and its node is as good as before
  slow,     // a process computes slower for a time, and all wait for it
  silent,   // a process computes wrongly: found by the next check, its node needs repair
  nan,      // a loss or gradient is no number, once: the steps are done again
  spike,    // the loss spikes and does not heal: back to before it, and its batch is skipped
  preempt,  // the node (or its whole group) will be taken away after a notice, and comes back
};
inline constexpr int failure_effect_count = 8;
const char* name_of(FailureEffect effect);

struct FailureCause {
  std::string name;  // "GPU memory (HBM)"
  FailureEffect effect = FailureEffect::crash;
  // Exactly one of these: a weight among all causes that have one; or a rate beside them, of each
  // node, of each group of nodes that falls together, or of the whole training.
  std::optional<Fact<double>> weight;
  std::optional<Fact<PerSecond>> per_node, per_group, per_training;
  // lost, preempt: so many neighbours fall together; 1: the node alone.
  std::optional<Fact<double>> group;
  // Weibull shape below 1: the young fail more; with the age by which as many have failed as with a
  // constant rate. Absent: a constant rate, times the cluster's early_factor in its early_time.
  std::optional<Fact<double>> weibull;
  std::optional<Fact<Seconds>> span;
  // Where it differs from the rest: until the job knows, until the node is back.
  std::optional<Fact<Seconds>> detect, repair;
  std::optional<Fact<double>> factor;          // slow: times so long a step
  std::optional<Fact<Seconds>> lasts, notice;  // slow; preempt
};

// All steps take longer, again and again: the heat of the day.
struct FailureSlowdown {
  std::string name;
  Fact<double> factor;
  Seconds from{}, lasts{}, every{};  // since the first day's midnight
};

struct FailureSet {
  std::string name;  // "default"
  std::string title;
  std::vector<FailureCause> causes;
  std::vector<FailureSlowdown> slowdowns;
  Fact<Seconds> repair;              // of a node, the mean
  Fact<Seconds> repair_at_delivery;  // of one that came broken, the mean
  Fact<double> idle_share;           // a spare fails at this share of the rate
  Fact<double> lemon_nodes;          // share of nodes that fail far more than others
  Fact<double> lemon_failures;       // their share of failures
  // Share of hangs, slow nodes and silent corruption for which a healthy node is blamed, and after
  // what time the sick one shows again.
  Fact<double> misdiagnosed;
  Fact<Seconds> misdiagnosed_again;
  Fact<PerSecond> flaps;  // links of a node that go down and come back
  Fact<Seconds> flap_stall;
  // A node by a spare that computes already, runs and waits, or must be fetched.
  Fact<Seconds> replace_hot, replace_warm, replace_cold;
  Fact<Seconds> stop;     // until the last process has ended
  Fact<Seconds> warm_up;  // what the first steps take longer
  Fact<Seconds> plan;     // until another layout is found
  Fact<Seconds> change;   // to another layout: what that start takes longer
  Fact<Seconds> late;     // by which deliveries come later than announced
};

// Errors: bad_input with file, line and key.
Result<FailureSet> parse_failure_set(std::string_view toml, std::string name);

}  // namespace celere::spec
