// A map from node to T for nodes that are mostly numbered from 0 on: those are found by their
// number, at the cost of one place for each number up to the largest. Numbers that nobody would
// give (a file that is not ours may hold them) go into a map.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.hpp"

namespace celere::policy {

template <typename T>
class NodeTable {
 public:
  // Makes the node known; references to others are void then.
  T& operator[](int node) {
    if (node < 0 || node >= most) return far_[node];
    const auto place = static_cast<std::size_t>(node);
    if (place >= near_.size()) near_.resize(place + 1);
    if (!near_[place]) near_[place].emplace();
    return *near_[place];
  }
  // Nothing: it is not known.
  T* find(int node) { return const_cast<T*>(std::as_const(*this).find(node)); }
  const T* find(int node) const {
    if (node >= 0 && node < most) {
      const auto place = static_cast<std::size_t>(node);
      return place < near_.size() && near_[place] ? &*near_[place] : nullptr;
    }
    const auto found = far_.find(node);
    return found == far_.end() ? nullptr : &found->second;
  }
  bool contains(int node) const { return find(node) != nullptr; }
  // REQUIRES: it is known.
  const T& at(int node) const {
    const T* found = find(node);
    CHECK(found != nullptr);
    return *found;
  }
  T& at(int node) { return const_cast<T&>(std::as_const(*this).at(node)); }

  // For each that is known: its number and what is there.
  template <typename Visit>
  void each(Visit&& visit) const {
    each(*this, visit);
  }
  template <typename Visit>
  void each(Visit&& visit) {
    each(*this, visit);
  }
  friend bool operator==(const NodeTable&, const NodeTable&) = default;

 private:
  template <typename Visit>
  static void each(auto& table, Visit&& visit) {
    for (std::size_t i = 0; i < table.near_.size(); ++i) {
      if (table.near_[i]) visit(static_cast<int>(i), *table.near_[i]);
    }
    for (auto& [node, it] : table.far_) visit(node, it);
  }

  static constexpr int most = 1 << 20;
  std::vector<std::optional<T>> near_;
  std::map<int, T> far_;
};

}  // namespace celere::policy
