#include "train/orders.hpp"

namespace celere::train {
namespace {

const Seconds look_every = Seconds::of(0.02);

}  // namespace

Orders::Orders(World world) : world_(std::move(world)) {
  const auto old = wire::read_orders(world_.files, world_.path, 0);
  if (old.ok() && !old->empty()) done_ = old->back().number;
  thread_ = std::thread([this] { work(); });
}

Orders::~Orders() {
  over_ = true;
  thread_.join();
}

std::optional<wire::RegroupOrder> Orders::regroup(int generation) const {
  const std::lock_guard lock(mutex_);
  return later_than(generation);
}

std::optional<wire::RegroupOrder> Orders::take_up(int generation,
                                                  const std::function<void()>& go_on) const {
  const std::lock_guard lock(mutex_);
  go_on();
  return later_than(generation);
}

std::optional<wire::RegroupOrder> Orders::later_than(int generation) const {
  if (!regroup_ || regroup_->generation <= generation) return std::nullopt;
  return regroup_;
}

std::optional<Error> Orders::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

void Orders::work() {
  while (!over_) {
    const std::uint64_t asked = world_.record.order();
    if (asked > done_ && !deaf_) hear(asked);
    world_.clock.sleep(look_every);
  }
}

void Orders::hear(std::uint64_t number) {
  const auto orders = wire::read_orders(world_.files, world_.path, done_);
  if (!orders.ok()) {
    const std::lock_guard lock(mutex_);
    deaf_ = true;
    failure_ = orders.error();
    return;
  }
  for (const wire::Order& order : *orders) {
    if (order.number > number) break;  // its word is still to come
    done_ = order.number;
    if (std::holds_alternative<wire::SaveOrder>(order.what)) save_ = true;
    if (const auto* fault = std::get_if<wire::Fault>(&order.what)) world_.on_fault(*fault);
    if (const auto* regroup = std::get_if<wire::RegroupOrder>(&order.what)) {
      const std::lock_guard lock(mutex_);
      regroup_ = *regroup;
      if (!regroup->joining) world_.on_lost();
    }
  }
}

}  // namespace celere::train
