#include "train/supervised.hpp"

namespace celere::train {

Supervised::Supervised(const RankWorld& world, wire::FlightRecord record)
    : world_(world),
      record_(std::move(record)),
      watch_(&record_, time_),
      writers_(nullptr, time_),
      steps_(world.clock, time_),
      storage_(world.storage) {}

Result<std::unique_ptr<Supervised>> Supervised::begin(const RankWorld& world, int rank,
                                                      const Paths& paths) {
  ASSIGN_OR_RETURN(wire::FlightRecord record,
                   wire::FlightRecord::create(paths.flight, rank, world.clock));
  std::unique_ptr<Supervised> made(new Supervised(world, std::move(record)));
  if (paths.orders.empty()) return made;
  Supervised* const it = made.get();
  it->orders_.emplace(Orders::World{.record = it->record_,
                                    .files = world.files,
                                    .clock = world.clock,
                                    .path = paths.orders,
                                    .on_fault =
                                        [it](const wire::Fault& fault) {
                                          it->steps_.add(fault);
                                          it->storage_.hear(fault);
                                        },
                                    .on_lost =
                                        [it] {
                                          it->watch_.abandon();
                                          it->writers_.abandon();
                                        }});
  return made;
}

RankWorld Supervised::world() {
  return {.catalog = world_.catalog,
          .files = world_.files,
          .storage = orders_ ? storage_ : world_.storage,
          .clock = world_.clock,
          .say = world_.say,
          .flight = &record_,
          .watch = &watch_,
          .writers_watch = &writers_,
          .orders = orders_ ? &*orders_ : nullptr,
          .hooks = orders_ ? &steps_ : nullptr};
}

}  // namespace celere::train
