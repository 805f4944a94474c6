// What a search has found so far: the best of each family of layouts, the Pareto front, and the
// count of what was passed over. Two of them merge into what one search of both parts would have
// found.
//
// Layouts of one family have the same degrees, micro-batch and batch, and differ in schedule,
// recomputation, ZeRO and the like: ten variations of one layout would teach a reader nothing, so
// the best ten are of ten families.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "layout/legal.hpp"

namespace celere::plan {

// A point of the search, small enough to keep many: the outcome is computed again for the few that
// are shown.
struct Candidate {
  double objective = 0;
  double memory = 0;  // bytes of the heaviest rank
  int training = 0;   // of Objective::trainings()
  layout::Layout layout;
  friend auto operator<=>(const Candidate&, const Candidate&) = default;
};

// Why a group was passed over, beside the rules of layout/legal.hpp.
inline constexpr const char* pruned_by_bound = "cannot be better than what was found";
inline constexpr const char* pruned_by_memory = "one layer of a micro-batch does not fit";
inline constexpr const char* pruned_by_budget = "limits.budget";

// Groups of layouts that a rule forbids, and how one of them breaks it.
struct Broken {
  std::int64_t count = 0;
  std::string example;
  void add(const Broken& other);
};
using BrokenRules = std::map<layout::Illegal, Broken>;

class Found {
 public:
  explicit Found(int best) : best_max_(best) {}

  void add(const Candidate& candidate);
  // Whether a candidate with at least this objective and exactly this memory is no news: its family
  // has a better one, and so has the front.
  bool dominated(const Candidate& least) const;
  // A layout that needs more memory than there is, and `count` - 1 more that need no less.
  void add_too_big(const Candidate& candidate, std::int64_t count = 1);
  // `count` groups or layouts that were passed over; `bound` 0 where the reason is not a bound.
  void add_pruned(const std::string& group, const std::string& reason, double bound,
                  std::int64_t count = 1);
  void add_illegal(layout::Illegal rule, const Broken& broken) { illegal_[rule].add(broken); }
  void merge(const Found& other);

  // The last of the best: a candidate above it changes neither them nor the front, which ends
  // there.
  double limit() const;

  const std::vector<Candidate>& best() const { return best_; }
  std::vector<Candidate> pareto() const;  // up to the slack
  const std::map<int, Candidate>& best_by_tp() const { return best_by_tp_; }

  struct Reason {
    std::int64_t count = 0;
    double bound = std::numeric_limits<double>::infinity();  // the least
  };
  // By group and reason.
  const std::map<std::pair<std::string, std::string>, Reason>& pruned() const { return pruned_; }
  const BrokenRules& illegal() const { return illegal_; }
  std::int64_t too_big() const { return too_big_; }
  const Candidate& smallest() const { return smallest_; }  // REQUIRES: too_big() > 0

  std::int64_t searched = 0;
  std::uint64_t hash = 0;             // the sum of the hashes of all points
  std::vector<std::uint64_t> points;  // hashes of (time, memory), where they are counted

 private:
  void add_to_tp(const Candidate& candidate);
  void add_to_front(const Candidate& candidate);

  int best_max_;
  std::vector<Candidate> best_;   // ascending
  std::vector<Candidate> front_;  // ascending objective, strictly descending memory
  std::map<int, Candidate> best_by_tp_;
  std::map<std::pair<std::string, std::string>, Reason> pruned_;
  BrokenRules illegal_;
  std::int64_t too_big_ = 0;
  Candidate smallest_;
};

}  // namespace celere::plan
