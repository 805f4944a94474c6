// A set of nodes that are mostly numbered from 0 on: a bit each, and one for each 64 of them, so
// that taking one of forty thousand in or out costs a few instructions. Numbers that nobody would
// give (a file that is not ours may hold them) go into a tree.
#pragma once

#include <bit>
#include <cstdint>
#include <set>
#include <vector>

namespace celere::policy {

class NodeSet {
 public:
  void insert(int node) {
    if (node < 0 || node >= most) {
      far_.insert(node);
      return;
    }
    const auto word = static_cast<std::size_t>(node) / 64;
    if (word >= words_.size()) {
      words_.resize(word + 1);
      any_.resize(word / 64 + 1);
    }
    words_[word] |= bit(static_cast<std::size_t>(node));
    any_[word / 64] |= bit(word);
  }
  void erase(int node) {
    if (node < 0 || node >= most) {
      far_.erase(node);
      return;
    }
    const auto word = static_cast<std::size_t>(node) / 64;
    if (word >= words_.size()) return;
    words_[word] &= ~bit(static_cast<std::size_t>(node));
    if (words_[word] == 0) any_[word / 64] &= ~bit(word);
  }
  // For each, ascending, until `visit` says false; then false.
  template <typename Visit>
  bool each(const Visit& visit) const {
    const auto behind = far_.lower_bound(0);
    for (auto node = far_.begin(); node != behind; ++node) {
      if (!visit(*node)) return false;
    }
    for (std::size_t i = 0; i < any_.size(); ++i) {
      for (std::uint64_t some = any_[i]; some != 0; some &= some - 1) {
        const std::size_t word = 64 * i + static_cast<std::size_t>(std::countr_zero(some));
        for (std::uint64_t rest = words_[word]; rest != 0; rest &= rest - 1) {
          if (!visit(static_cast<int>(64 * word) + std::countr_zero(rest))) return false;
        }
      }
    }
    for (auto node = behind; node != far_.end(); ++node) {
      if (!visit(*node)) return false;
    }
    return true;
  }

 private:
  static constexpr int most = 1 << 20;
  static std::uint64_t bit(std::size_t place) { return std::uint64_t{1} << place % 64; }

  std::vector<std::uint64_t> words_, any_;
  std::set<int> far_;
};

}  // namespace celere::policy
