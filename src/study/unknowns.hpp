// What a fit may change: catalog/fit/unknowns.toml made into unknowns of study/least_squares.hpp.
//
// A number of the stacks, the chips or the fabrics is made of a value that all share and of what
// each stack (chip) has of its own:
//
//   number = form(common + own)        form: exp ("log"), or 1 / (1 + e^-x) ("share")
//
// both shrunk to what is believed beforehand: common to the prior, own to 0. What nothing was
// measured of has no own part: a stack whose only source is left out becomes the common one. A
// sustained rate is such a number times the best that the chip's own short benchmark saw in bf16,
// which says more than its peak: what power leaves of it shows there already. Only numbers whose
// entry has the grade "fitted" are changed, so an entry can state that it has none (no overlap in
// software that waits).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "spec/chip.hpp"
#include "spec/cluster.hpp"
#include "spec/precision.hpp"
#include "spec/stack.hpp"
#include "study/least_squares.hpp"
#include "study/predictor.hpp"

namespace celere::study {

// What an unknown is a part of.
enum class FittedOf { stack, sustained, bandwidth_share, launch_time, tier_share, tier_latency };

struct FittedNumber {
  std::string name;  // "stack.memory_factor"
  FittedOf of = FittedOf::stack;
  std::string key;         // of a stack: its number; of a sustained rate: the precision
  std::string only;        // the one stack that it is about, or empty: all that have none of theirs
  bool share = false;      // form
  double prior = 0;        // of the number, in base units
  double sd = 0, own = 0;  // 0: the common value is the prior; no own parts
};

// Errors: bad_input with file, line and key.
Result<std::vector<FittedNumber>> parse_unknowns(std::string_view toml);
std::string_view embedded_unknowns();

class Unknowns {
 public:
  explicit Unknowns(std::vector<FittedNumber> numbers);

  // Makes the own parts that this run can tell something of.
  void observe(const PreparedRun& run);

  const std::vector<Unknown>& unknowns() const { return unknowns_; }
  std::vector<double> start() const;  // the priors

  // Puts the numbers at x into the entries.
  void apply(const std::vector<double>& x, spec::Stack& stack, spec::Chip& chip,
             spec::Cluster& cluster) const;

  // How far a stack's number is from the common one, in its form; nothing where it has no own part.
  std::optional<double> own_of_stack(const std::string& key, const std::string& stack,
                                     const std::vector<double>& x) const;

  // Whether the step time of a run can depend on an unknown.
  bool concerns(std::size_t unknown, const PreparedRun& run) const;

 private:
  struct Parts {
    FittedNumber number;
    std::optional<std::size_t> common;
    std::map<std::string, std::size_t> own;  // by stack or chip
  };
  double value(const Parts& parts, const std::string& entry, const std::vector<double>& x) const;
  bool belongs(const Parts& parts, const spec::Stack& stack) const;

  std::vector<Parts> parts_;
  std::vector<Unknown> unknowns_;
  std::vector<std::pair<std::size_t, std::string>> place_;  // of an unknown: its parts, its entry
};

}  // namespace celere::study
