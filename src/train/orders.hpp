// Hears what the agent asks while a training runs: a thread looks at the control word of the flight
// record fifty times a second and reads the new lines of the file of orders (wire/orders.hpp).
//
// What stands in the file as the worker starts was for another one and is passed over.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "wire/flight_record.hpp"
#include "wire/orders.hpp"

namespace celere::train {

class Orders {
 public:
  // All of it must outlive the orders. What `on_fault` and `on_lost` do, they do in the thread;
  // what `on_lost` does, before anybody sees the order, so it asks the orders for nothing.
  struct World {
    const wire::FlightRecord& record;
    const Files& files;
    Clock& clock;
    std::string path;
    std::function<void(const wire::Fault&)> on_fault;
    std::function<void()> on_lost;  // a regroup without a rank that was lost is asked for
  };
  explicit Orders(World world);
  ~Orders();
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  bool take_save() { return save_.exchange(false); }
  // The last one, where it is of a later generation than `generation`.
  std::optional<wire::RegroupOrder> regroup(int generation) const;
  // The same, and takes up what on_lost gave up: no order is heard between the one and the other,
  // so that what an order gives up is never taken for that of the one before.
  std::optional<wire::RegroupOrder> take_up(int generation,
                                            const std::function<void()>& go_on) const;
  // Why orders are not heard any more, once.
  std::optional<Error> take_failure();

 private:
  void work();
  void hear(std::uint64_t number);
  std::optional<wire::RegroupOrder> later_than(int generation) const;  // REQUIRES: the mutex

  World world_;
  std::uint64_t done_ = 0;
  std::atomic<bool> save_ = false, over_ = false;
  mutable std::mutex mutex_;
  std::optional<wire::RegroupOrder> regroup_;
  std::optional<Error> failure_;
  bool deaf_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace celere::train
