#include "train/generations.hpp"

#include <fmt/format.h>

#include <charconv>

#include "spec/layout_wish.hpp"
#include "train/rank_peers.hpp"

namespace celere::train {
namespace {

const Seconds look_every = Seconds::of(0.02);
// With ranks that do not come to a meeting. At a later one all of them live, and are told at one
// time.
const Seconds patience = Seconds::of(1800);
const Seconds regroup_patience = Seconds::of(60);

struct Groups {
  nn::Mesh mesh;
  nn::ProcessGroup writers;
};

class Generations {
 public:
  Generations(const RankOptions& options, const RankWorld& world, Standpoint at,
              const std::atomic<bool>& stop)
      : options_(options), world_(world), at_(std::move(at)), stop_(stop) {}

  Result<Outcome> run() {
    while (true) {
      Result<Outcome> outcome = one();
      if (outcome.ok() && outcome->ended != Ended::regroup) return outcome;
      const bool may_regroup = world_.orders != nullptr && options_.supervised;
      if (!may_regroup || (!outcome.ok() && !worth_waiting(outcome.error()))) return outcome;
      const auto order = next_order(!outcome.ok());
      if (!order) {
        if (outcome.ok()) return Error{ErrorCode::io, "no order to regroup came", {}};
        return outcome;
      }
      at_ = {.layout = order->layout,
             .rank = order->rank,
             .meeting = order->meeting,
             .interface = order->interface,
             .generation = order->generation,
             .joins = !carried_.has_value()};
      regrouped_ = true;
    }
  }

 private:
  bool fresh() const { return !regrouped_ && !at_.joins; }

  // A generation that lost a rank, or did not come about, may be followed by another one; whatever
  // else went wrong is this rank's own affair.
  bool worth_waiting(const Error& error) const {
    return trained_ ? nn::is_broken_collective(error) : !fresh();
  }

  Result<Setup> setup() const {
    spec::Run run = options_.run;
    if (!at_.layout.empty()) {
      ASSIGN_OR_RETURN(const spec::LayoutWish wish, spec::parse_layout_text(at_.layout));
      run.layout = spec::merged(run.layout, wish);
    }
    const std::string from = at_.layout.empty() ? "" : " with --layout " + at_.layout;
    return make_setup(std::move(run), world_.catalog,
                      fresh() && at_.generation <= 1 ? Batches::whole : Batches::filled_up)
        .during("taking " + options_.trainer.directory.run_file() + from);
  }

  Result<Groups> meet(const Setup& setup) const {
    Groups groups;
    const auto count = static_cast<int>(setup.layout.ranks());
    if (count == 1) return groups;
    ASSIGN_OR_RETURN(const nn::Meeting meeting,
                     meeting_at({.text = at_.meeting,
                                 .serves = at_.rank == 0,
                                 .processes = count,
                                 .patience = fresh() ? patience : regroup_patience,
                                 .watch = world_.watch}));
    ASSIGN_OR_RETURN(groups.mesh, nn::Mesh::make(meeting, setup.layout,
                                                 {.rank = at_.rank,
                                                  .kv_heads = setup.model.attention.kv_heads,
                                                  .interface = at_.interface,
                                                  .patience = patience,
                                                  .watch = world_.watch}));
    ASSIGN_OR_RETURN(groups.writers,
                     nn::ProcessGroup::make(meeting, {.name = "writers",
                                                      .rank = at_.rank,
                                                      .size = count,
                                                      .interface = at_.interface,
                                                      .patience = patience,
                                                      .watch = world_.writers_watch}));
    return groups;
  }

  Result<Recorder> recorder() const {
    const bool first = at_.rank == 0;
    if (options_.supervised) {
      return Recorder::supervised(world_.files, world_.clock, options_.trainer.directory, first,
                                  world_.say);
    }
    if (!first) return Recorder::silent(world_.clock);
    return Recorder::open(world_.files, world_.clock, options_.trainer.directory, world_.say);
  }

  Result<std::unique_ptr<Trainer>> trainer(Setup setup, const World& world) {
    TrainerOptions options = options_.trainer;
    options.generation = at_.generation;
    if (fresh()) return Trainer::make(std::move(setup), std::move(options), world);
    return Trainer::go_on(std::move(setup), std::move(options), world, carried_);
  }

  // One generation from its meeting to its end. Behind it no group is left, and nobody waits in
  // one.
  Result<Outcome> one() {
    ASSIGN_OR_RETURN(Recorder recorder, this->recorder());
    Result<Outcome> outcome = meet_and_train(recorder);
    if (outcome.ok()) return outcome;
    // Where a rank is gone, the supervisor hears of that by itself, and orders what follows.
    const bool broken = trained_ || outcome.error().code == ErrorCode::io;
    if (!fresh() && !broken) {
      recorder.own_event("could_not_go_on",
                         {{"generation", at_.generation}, {"why", outcome.error().text()}});
    } else if (options_.supervised) {
      recorder.own_event("generation_broken",
                         {{"generation", at_.generation}, {"why", outcome.error().text()}});
    }
    return outcome;
  }

  Result<Outcome> meet_and_train(Recorder& recorder) {
    trained_ = false;
    ASSIGN_OR_RETURN(Setup setup, this->setup());
    ASSIGN_OR_RETURN(const Groups groups, meet(setup));
    RankPeers peers(groups.writers);
    const World world{groups.mesh, peers,         world_.files, world_.storage, world_.clock,
                      recorder,    world_.flight, world_.watch, world_.orders,  world_.hooks};
    Result<std::unique_ptr<Trainer>> made = trainer(std::move(setup), world);
    if (!made.ok()) {
      abandon(true);
      return made.error();
    }
    const std::unique_ptr<Trainer> trainer = *std::move(made);
    carried_.reset();
    trained_ = true;
    Result<Outcome> outcome = trainer->run(stop_);
    if (!outcome.ok() || outcome->ended == Ended::regroup) {
      // Whoever still waits in a group of this generation, a writer perhaps, gives up.
      if (!outcome.ok()) abandon(true);
      if (options_.supervised) carried_ = trainer->carried();
    }
    return outcome;
  }

  void abandon(bool give_up) {
    for (nn::Watch* watch : {world_.watch, world_.writers_watch}) {
      if (watch == nullptr) continue;
      give_up ? watch->abandon() : watch->go_on();
    }
  }

  // Waits for the order of a generation behind this one; nothing where none comes. Where this one
  // broke, an order that counts on all of it was meant for better days.
  std::optional<wire::RegroupOrder> next_order(bool broken) {
    const auto fitting = [&](std::optional<wire::RegroupOrder> order) {
      return order && !(broken && order->joining) ? order : std::nullopt;
    };
    const auto ordered = [&] { return fitting(world_.orders->regroup(at_.generation)); };
    const Instant begin = world_.clock.now();
    auto order = ordered();
    while (!order && !stop_ && world_.clock.now() - begin < options_.order_patience) {
      world_.clock.sleep(look_every);
      order = ordered();
    }
    if (!order) return order;
    // One that came meanwhile counts, and what it gave up is taken up for it.
    return fitting(world_.orders->take_up(at_.generation, [&] { abandon(false); }));
  }

  const RankOptions& options_;
  const RankWorld& world_;
  Standpoint at_;
  const std::atomic<bool>& stop_;
  std::optional<Carried> carried_;
  bool regrouped_ = false, trained_ = false;
};

}  // namespace

Result<Outcome> train_rank(const RankOptions& options, const RankWorld& world, Standpoint at,
                           const std::atomic<bool>& stop) {
  return Generations(options, world, std::move(at), stop).run();
}

Result<nn::Meeting> meeting_at(const MeetingPlace& place) {
  const std::size_t colon = place.text.rfind(':');
  if (colon == std::string::npos || place.text.find('/') != std::string::npos) {
    return nn::Meeting::at_file(place.text, place.processes);
  }
  nn::Meeting::Port port{.host = place.text.substr(0, colon),
                         .port = 0,
                         .serves = place.serves,
                         .processes = place.processes,
                         .patience = place.patience,
                         .watch = place.watch};
  const char* const end = place.text.data() + place.text.size();
  const auto [last, error] = std::from_chars(place.text.data() + colon + 1, end, port.port);
  if (error != std::errc() || last != end || port.port < 1 || port.port > 65535) {
    return bad_input(fmt::format("--meeting {}: is neither a file nor HOST:PORT", place.text));
  }
  return nn::Meeting::at_port(port);
}

}  // namespace celere::train
