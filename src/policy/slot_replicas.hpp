// Which replica's ranks each slot holds: as a list, or where rows of slots belong to the replicas
// in turn, as three numbers,
//
//   replica(slot) = slot / row mod replicas,
//
// and behind either those that have joined since, so that one replica of forty thousand slots is
// lost, or joins, without a look at the others.
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

namespace celere::policy {

class SlotReplicas {
 public:
  SlotReplicas() = default;  // of no slot
  // NOLINTNEXTLINE(google-explicit-constructor): it is one
  SlotReplicas(std::vector<int> list);
  SlotReplicas(std::initializer_list<int> list) : SlotReplicas(std::vector<int>(list)) {}
  // REQUIRES: row * replicas divides slots, and none is 0.
  static SlotReplicas rows(int slots, int replicas, int row);

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  int operator[](std::size_t slot) const;  // REQUIRES: slot < size()
  std::vector<int> list() const;

  bool is_within(int least, int most) const;             // each of them is
  std::vector<std::size_t> slots_of(int replica) const;  // ascending
  int slots_of_each(int replicas) const;                 // 0: not equally many of each
  // Those above it are one less. REQUIRES: `slots` are all that it has.
  void lose(int replica, const std::vector<std::size_t>& slots);
  void add(int replica, int count);  // so many slots at the end

  // Of what they say, whichever way they hold it.
  friend bool operator==(const SlotReplicas& one, const SlotReplicas& other);

 private:
  struct Joined {
    int replica = 0, count = 0;
    friend bool operator==(const Joined&, const Joined&) = default;
  };
  bool in_rows(int replica) const { return !list_ && replica >= 0 && replica < replicas_; }
  bool has_joined(int replica) const;

  int first_ = 0;                                 // slots in rows, or in the list
  int replicas_ = 1, row_ = 1;                    // in rows
  std::shared_ptr<const std::vector<int>> list_;  // none: in rows
  std::vector<Joined> joined_;
};

}  // namespace celere::policy
