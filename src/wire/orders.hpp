// What an agent asks of a worker while it trains: lines of JSON in a file that only grows.
//
//   {"order":1,"kind":"save"}
//   {"order":2,"kind":"fault","fault":"nan"}
//   {"order":3,"kind":"fault","fault":"flip_bit","in":"weight","which":12345}
//   {"order":4,"kind":"fault","fault":"slow","factor":1.15,"steps":20}        (or "time_s":3.5)
//   {"order":5,"kind":"fault","fault":"disk_full","saves":2}
//   {"order":6,"kind":"regroup","layout":"dp=1","rank":0,"meeting":"/tmp/m","generation":2,
//    "joining":false}
//
// Orders count from 1 without a gap. The agent appends the line, then raises the number in the
// worker's flight record (wire/flight_record.hpp); the worker does what it has not done yet. Only
// what is asked for by such an order makes a fault: no file and no flag of a worker knows of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"

namespace celere::wire {

// A checkpoint behind the step in hand.
struct SaveOrder {
  friend bool operator==(const SaveOrder&, const SaveOrder&) = default;
};

// A NaN in the gradient of the next step.
struct NanFault {
  friend bool operator==(const NanFault&, const NanFault&) = default;
};
// One bit of one number of this rank, behind the sums of the next step, so that replicas part.
// `which` says the element and the bit: element (which / 32) mod all, bit which mod 32.
struct FlipBitFault {
  bool in_weight = false;  // else in the gradient
  std::int64_t which = 0;
  friend bool operator==(const FlipBitFault&, const FlipBitFault&) = default;
};
// Every step takes the processor `factor` times what its own computing takes; for so many steps, or
// so long.
struct SlowFault {
  double factor = 1;
  std::optional<std::int64_t> steps;
  std::optional<double> time_s;
  friend bool operator==(const SlowFault&, const SlowFault&) = default;
};
// The next saves of this rank find no space.
struct DiskFullFault {
  std::int64_t saves = 1;
  friend bool operator==(const DiskFullFault&, const DiskFullFault&) = default;
};
using Fault = std::variant<NanFault, FlipBitFault, SlowFault, DiskFullFault>;

// The ranks that live form a new generation without going back.
struct RegroupOrder {
  std::string layout;  // as --layout says it
  int rank = 0;        // of this worker, in it
  std::string meeting;
  std::string interface = "lo";
  int generation = 0;
  // Ranks are added and none was lost: the step in hand is finished first. Else it is given up.
  bool joining = false;
  friend bool operator==(const RegroupOrder&, const RegroupOrder&) = default;
};

struct Order {
  std::uint64_t number = 0;
  std::variant<SaveOrder, Fault, RegroupOrder> what;
  friend bool operator==(const Order&, const Order&) = default;
};

// One line, without its end.
std::string written_json(const Order& order);
// Errors: corrupt, for what is no order, an unknown kind, a key too many or too few, or a number
// out of its range.
Result<Order> parse_order(std::string_view line);

// Those with a number over `after`, ascending. A last line without an end is passed over. Errors:
// not_found, io; corrupt with the line, and where the numbers do not ascend by one.
Result<std::vector<Order>> read_orders(const Files& files, const std::string& path,
                                       std::uint64_t after);

}  // namespace celere::wire
