// Watches the collectives of one rank from within: each is written into the rank's flight record as
// it begins and ends, the processor time that goes into them is kept apart from computing, and a
// rank that waits in one can be made to give up.
//
//   computed = processor time of the process - that within collectives
//
// so a rank that waits for a slow one does not look slow itself, spinning or not. A collective that
// goes on in the background while the rank computes counts while it is begun and while it is waited
// for.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "wire/flight_record.hpp"

namespace celere::nn {

// The error (io) of a collective that was not done: it was given up, or a rank is gone or too late.
// After it the groups are of no more use, and whoever lives may form others.
Error broken_collective(std::string_view why);
bool is_broken_collective(const Error& error);

class Watch {
 public:
  // Record and time must outlive it. `record`: nothing, where none is kept.
  Watch(wire::FlightRecord* record, const CpuTime& time) : record_(record), time_(&time) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Of any thread: whoever waits in a collective, or begins one, gives up with an error (io) until
  // go_on(). The groups are then of no more use.
  void abandon();
  void go_on() { abandoned_ = false; }
  bool abandoned() const {
    return abandoned_.load(std::memory_order_acquire) && !held_.load(std::memory_order_relaxed);
  }
  // Weights are being changed: nobody gives up until hold(false), so that none is left half-way.
  void hold(bool held) { held_ = held; }

  // Processor time of this process outside of collectives, so far.
  Seconds computed() const { return time_->used() - within_; }

  // ---- for nn/process_group.cpp ----

  std::uint64_t enter(const wire::FlightRecord::Collective& collective) {
    return record_ != nullptr ? record_->enter(collective) : 0;
  }
  void leave(std::uint64_t sequence) {
    if (record_ != nullptr) record_->leave(sequence);
  }
  // Time within a collective, as long as it lives. `watch`: nothing, where none watches.
  class Within {
   public:
    explicit Within(Watch* watch) : watch_(watch) {
      if (watch_ != nullptr) begin_ = watch_->time_->used();
    }
    ~Within() {
      if (watch_ != nullptr) watch_->within_ = watch_->within_ + (watch_->time_->used() - begin_);
    }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    Watch* watch_;
    Seconds begin_;
  };
  // While `wait` runs, abandon() calls `abort`. False where it was abandoned before.
  bool wait_abortably(const std::function<void()>& abort, const std::function<void()>& wait);

 private:
  wire::FlightRecord* record_;
  const CpuTime* time_;
  Seconds within_{};  // of the rank's own thread
  std::atomic<bool> abandoned_ = false, held_ = false;
  std::mutex mutex_;
  const std::function<void()>* abort_ = nullptr;
};

}  // namespace celere::nn
