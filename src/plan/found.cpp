#include "plan/found.hpp"

#include <algorithm>
#include <tuple>

namespace celere::plan {

namespace {

bool same_family(const Candidate& a, const Candidate& b) {
  const auto degrees = [](const Candidate& c) {
    const layout::Layout& l = c.layout;
    return std::tuple(c.training, l.tp, l.cp, l.pp, l.dp, l.ep, l.etp, l.micro_batch);
  };
  return degrees(a) == degrees(b);
}

}  // namespace

void Broken::add(const Broken& other) {
  count += other.count;
  if (example.empty()) example = other.example;
}

void Found::add(const Candidate& candidate) {
  add_to_tp(candidate);
  if (candidate.objective > limit()) return;
  add_to_front(candidate);
  const auto kin = std::find_if(best_.begin(), best_.end(), [&](const Candidate& other) {
    return same_family(candidate, other);
  });
  if (kin != best_.end()) {
    if (*kin <= candidate) return;
    best_.erase(kin);
  }
  best_.insert(std::lower_bound(best_.begin(), best_.end(), candidate), candidate);
  if (static_cast<int>(best_.size()) > best_max_) best_.pop_back();
}

void Found::add_to_tp(const Candidate& candidate) {
  const auto [known, fresh] = best_by_tp_.try_emplace(candidate.layout.tp, candidate);
  if (!fresh && candidate < known->second) known->second = candidate;
}

bool Found::dominated(const Candidate& least) const {
  const bool better_kin = std::any_of(best_.begin(), best_.end(), [&](const Candidate& other) {
    return other.objective < least.objective && same_family(least, other);
  });
  if (!better_kin) return false;
  return std::any_of(front_.begin(), front_.end(), [&](const Candidate& other) {
    return other.objective < least.objective && other.memory <= least.memory;
  });
}

void Found::add_to_front(const Candidate& candidate) {
  const auto place = std::lower_bound(front_.begin(), front_.end(), candidate);
  if (place != front_.begin() && std::prev(place)->memory <= candidate.memory) return;
  auto end = place;
  while (end != front_.end() && end->memory >= candidate.memory) ++end;
  front_.insert(front_.erase(place, end), candidate);
}

void Found::add_too_big(const Candidate& candidate, std::int64_t count) {
  if (too_big_ == 0 ||
      std::pair(candidate.memory, candidate) < std::pair(smallest_.memory, smallest_)) {
    smallest_ = candidate;
  }
  too_big_ += count;
}

void Found::add_pruned(const std::string& group, const std::string& reason, double bound,
                       std::int64_t count) {
  Reason& known = pruned_[{group, reason}];
  known.count += count;
  known.bound = std::min(known.bound, bound);
}

void Found::merge(const Found& other) {
  for (const Candidate& candidate : other.best_) add(candidate);
  for (const Candidate& candidate : other.front_) add_to_front(candidate);
  for (const auto& [tp, candidate] : other.best_by_tp_) add_to_tp(candidate);
  for (const auto& [key, reason] : other.pruned_) {
    add_pruned(key.first, key.second, reason.bound, reason.count);
  }
  for (const auto& [rule, broken] : other.illegal_) add_illegal(rule, broken);
  if (other.too_big_ > 0) {
    add_too_big(other.smallest_, other.too_big_);
  }
  searched += other.searched;
  hash += other.hash;
}

double Found::limit() const {
  if (static_cast<int>(best_.size()) < best_max_) return std::numeric_limits<double>::infinity();
  return best_.back().objective;
}

std::vector<Candidate> Found::pareto() const {
  std::vector<Candidate> front;
  for (const Candidate& candidate : front_) {
    if (candidate.objective <= limit()) front.push_back(candidate);
  }
  return front;
}

}  // namespace celere::plan
