#include "plan/found.hpp"

#include <algorithm>

namespace celere::plan {

void Found::add(const Candidate& candidate) {
  if (candidate.objective > limit()) return;
  const auto place = std::lower_bound(best_.begin(), best_.end(), candidate);
  if (static_cast<int>(place - best_.begin()) < best_max_) {
    best_.insert(place, candidate);
    if (static_cast<int>(best_.size()) > best_max_) best_.pop_back();
  }
  add_to_front(candidate);
  const auto [known, fresh] = best_by_tp_.try_emplace(candidate.layout.tp, candidate);
  if (!fresh && candidate < known->second) known->second = candidate;
}

void Found::add_to_front(const Candidate& candidate) {
  const auto place = std::lower_bound(front_.begin(), front_.end(), candidate);
  if (place != front_.begin() && std::prev(place)->memory <= candidate.memory) return;
  auto end = place;
  while (end != front_.end() && end->memory >= candidate.memory) ++end;
  front_.insert(front_.erase(place, end), candidate);
}

void Found::add_too_big(const Candidate& candidate) {
  if (too_big_ == 0 ||
      std::pair(candidate.memory, candidate) < std::pair(smallest_.memory, smallest_)) {
    smallest_ = candidate;
  }
  ++too_big_;
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
  for (const auto& [tp, candidate] : other.best_by_tp_) {
    const auto [known, fresh] = best_by_tp_.try_emplace(tp, candidate);
    if (!fresh && candidate < known->second) known->second = candidate;
  }
  for (const auto& [key, reason] : other.pruned_) {
    add_pruned(key.first, key.second, reason.bound, reason.count);
  }
  if (other.too_big_ > 0) {
    add_too_big(other.smallest_);
    too_big_ += other.too_big_ - 1;
  }
  searched += other.searched;
}

double Found::limit() const {
  if (static_cast<int>(best_.size()) < best_max_) return std::numeric_limits<double>::infinity();
  return std::max(best_.back().objective, slack_ * best_.front().objective);
}

std::vector<Candidate> Found::pareto() const {
  std::vector<Candidate> front;
  for (const Candidate& candidate : front_) {
    if (candidate.objective <= slack_ * best_.front().objective) front.push_back(candidate);
  }
  return front;
}

}  // namespace celere::plan
