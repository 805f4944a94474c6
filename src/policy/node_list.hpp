// A list of nodes that is copied only when one of its holders changes it: who starts forty thousand
// nodes and puts one of them into another's place neither copies nor compares the others.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace celere::policy {

// Without those at `places`, which ascend; the others keep their order.
template <typename T>
void erase_at(std::vector<T>& list, const std::vector<std::size_t>& places) {
  if (places.empty()) return;
  auto to = list.begin() + static_cast<std::ptrdiff_t>(places.front());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t end = i + 1 < places.size() ? places[i + 1] : list.size();
    to = std::move(list.begin() + static_cast<std::ptrdiff_t>(places[i] + 1),
                   list.begin() + static_cast<std::ptrdiff_t>(end), to);
  }
  list.erase(to, list.end());
}

class NodeList {
 public:
  using value_type = int;
  using const_iterator = std::vector<int>::const_iterator;

  NodeList() : NodeList(std::vector<int>()) {}
  NodeList(std::vector<int> nodes)  // NOLINT(google-explicit-constructor): it is one
      : nodes_(std::make_shared<std::vector<int>>(std::move(nodes))) {}
  NodeList(std::initializer_list<int> nodes) : NodeList(std::vector<int>(nodes)) {}
  // Who is moved from keeps its nodes.
  NodeList(const NodeList&) = default;
  NodeList& operator=(const NodeList&) = default;

  const std::vector<int>& list() const { return *nodes_; }
  operator const std::vector<int>&() const {  // NOLINT(google-explicit-constructor)
    return list();
  }
  // For this holder alone, and valid until it is copied.
  std::vector<int>& change() {
    if (nodes_.use_count() > 1) nodes_ = std::make_shared<std::vector<int>>(list());
    return *nodes_;
  }

  std::size_t size() const { return list().size(); }
  bool empty() const { return list().empty(); }
  int operator[](std::size_t i) const { return list()[i]; }
  int front() const { return list().front(); }
  const_iterator begin() const { return list().begin(); }
  const_iterator end() const { return list().end(); }
  friend bool operator==(const NodeList& one, const NodeList& other) {
    return one.nodes_ == other.nodes_ || one.list() == other.list();
  }

 private:
  std::shared_ptr<std::vector<int>> nodes_;  // never none
};

}  // namespace celere::policy
