#include "policy/slot_replicas.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "base/check.hpp"
#include "policy/node_list.hpp"

namespace celere::policy {

SlotReplicas::SlotReplicas(std::vector<int> list) : first_(static_cast<int>(list.size())) {
  if (list.empty()) return;
  const auto other = std::ranges::find_if(list, [](int replica) { return replica != 0; });
  const int row = static_cast<int>(other - list.begin());
  // (64 bits: a file may hold any number.)
  const std::int64_t replicas = std::int64_t{*std::ranges::max_element(list)} + 1;
  bool in_rows = row > 0 && replicas > 0 && first_ % (row * replicas) == 0;
  for (int slot = 0; in_rows && slot < first_; ++slot) {
    in_rows = list[static_cast<std::size_t>(slot)] == slot / row % replicas;
  }
  if (in_rows) {
    row_ = row;
    replicas_ = static_cast<int>(replicas);
  } else {
    list_ = std::make_shared<const std::vector<int>>(std::move(list));
  }
}

SlotReplicas SlotReplicas::rows(int slots, int replicas, int row) {
  CHECK(slots > 0 && replicas > 0 && row > 0);
  CHECK_EQ(slots % (std::int64_t{row} * replicas), 0);
  SlotReplicas out;
  out.first_ = slots;
  out.replicas_ = replicas;
  out.row_ = replicas == 1 ? slots : row;
  return out;
}

std::size_t SlotReplicas::size() const {
  return static_cast<std::size_t>(
      std::accumulate(joined_.begin(), joined_.end(), first_,
                      [](int sum, const Joined& one) { return sum + one.count; }));
}

int SlotReplicas::operator[](std::size_t slot) const {
  auto at = static_cast<int>(slot);
  if (at < first_) return list_ ? (*list_)[slot] : at / row_ % replicas_;
  at -= first_;
  for (const Joined& one : joined_) {
    if (at < one.count) return one.replica;
    at -= one.count;
  }
  CHECK(false);
}

std::vector<int> SlotReplicas::list() const {
  std::vector<int> out(size());
  for (std::size_t slot = 0; slot < out.size(); ++slot) out[slot] = (*this)[slot];
  return out;
}

bool SlotReplicas::has_joined(int replica) const {
  return std::ranges::find(joined_, replica, &Joined::replica) != joined_.end();
}

bool SlotReplicas::is_within(int least, int most) const {
  const auto is = [&](int replica) { return replica >= least && replica <= most; };
  const bool first =
      list_ ? std::ranges::all_of(*list_, is) : first_ == 0 || (is(0) && is(replicas_ - 1));
  return first && std::ranges::all_of(joined_, is, &Joined::replica);
}

std::vector<std::size_t> SlotReplicas::slots_of(int replica) const {
  std::vector<std::size_t> out;
  const auto add = [&](int first, int count) {
    for (int i = 0; i < count; ++i) out.push_back(static_cast<std::size_t>(first + i));
  };
  if (in_rows(replica)) {
    for (int slot = replica * row_; slot < first_; slot += row_ * replicas_) add(slot, row_);
  } else if (list_) {
    for (auto at = std::ranges::find(*list_, replica); at != list_->end();
         at = std::find(at + 1, list_->end(), replica)) {
      out.push_back(static_cast<std::size_t>(at - list_->begin()));
    }
  }
  int slot = first_;
  for (const Joined& one : joined_) {
    if (one.replica == replica) add(slot, one.count);
    slot += one.count;
  }
  return out;
}

int SlotReplicas::slots_of_each(int replicas) const {
  const auto slots = static_cast<int>(size());
  if (slots == 0 || slots % replicas != 0) return 0;
  const int each = slots / replicas;
  if (!list_ && joined_.empty()) return replicas == replicas_ ? each : 0;
  std::vector<int> counts(static_cast<std::size_t>(replicas));
  for (const int replica : list()) {
    if (replica < 0 || replica >= replicas) return 0;
    ++counts[static_cast<std::size_t>(replica)];
  }
  return std::ranges::all_of(counts, [&](int count) { return count == each; }) ? each : 0;
}

void SlotReplicas::lose(int replica, const std::vector<std::size_t>& slots) {
  const bool joined = has_joined(replica);
  if (list_ || (in_rows(replica) && (joined || replicas_ == 1))) {
    std::vector<int> rest = list();
    erase_at(rest, slots);
    for (int& one : rest) one -= one > replica ? 1 : 0;
    *this = SlotReplicas(std::move(rest));
    return;
  }
  if (in_rows(replica)) {
    std::vector<Joined> behind = std::move(joined_);
    *this = rows(first_ - first_ / replicas_, replicas_ - 1, row_);
    joined_ = std::move(behind);
  }
  std::erase_if(joined_, [&](const Joined& one) { return one.replica == replica; });
  for (Joined& one : joined_) one.replica -= one.replica > replica ? 1 : 0;
}

void SlotReplicas::add(int replica, int count) {
  const bool one_turn = !list_ && joined_.empty() && first_ == row_ * replicas_;
  if (one_turn && replica == replicas_ && count == row_) {
    *this = rows(first_ + row_, replicas_ + 1, row_);
  } else {
    joined_.push_back({replica, count});
  }
}

bool operator==(const SlotReplicas& one, const SlotReplicas& other) {
  const std::size_t size = one.size();
  if (size != other.size()) return false;
  const bool same_first = one.first_ == other.first_ && one.list_ == other.list_ &&
                          one.replicas_ == other.replicas_ && one.row_ == other.row_;
  if (same_first && one.joined_ == other.joined_) return true;
  // Those in rows differ where the first turn of either ends, if anywhere in their rows.
  for (const SlotReplicas* of : {&one, &other}) {
    const auto turn = static_cast<std::size_t>(of->row_) * static_cast<std::size_t>(of->replicas_);
    if (turn < size && one[turn] != other[turn]) return false;
  }
  for (std::size_t slot = 0; slot < size; ++slot) {
    if (one[slot] != other[slot]) return false;
  }
  return true;
}

}  // namespace celere::policy
