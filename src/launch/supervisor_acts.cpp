// What the policy decides, carried out.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "launch/fault_maker.hpp"
#include "launch/supervisor.hpp"
#include "tokens/hash.hpp"
#include "wire/orders.hpp"

namespace celere::launch {
namespace {

// Until those that live have met anew: on one machine they need no more than moments.
const Seconds regroup_patience_here = Seconds::of(10), regroup_patience_far = Seconds::of(60);

// Ports to meet at: above those of most services, below those of outgoing connections. Trainings
// that share a machine begin at others, by the hash of their folders.
constexpr std::uint64_t meeting_ports_first = 16384, meeting_ports = 16384;

}  // namespace

// Of generations before.
void Supervisor::remove_meetings() {
  for (const std::string& name : world_.files.list(job_.directory.folder)) {
    if (name.starts_with("meeting-")) (void)world_.files.remove(job_.directory.folder + "/" + name);
  }
}

layout::Layout Supervisor::present_layout() const {
  return with_replicas(present_.layout, policy_.shape().replicas);
}

// The one of the present, the planned and the full layout that has such a shape.
Family Supervisor::family_of(const policy::Shape& shape) const {
  for (const Family& family : {present_, planned_}) {
    if (shape_of(with_replicas(family.layout, shape.replicas), roster_.slots()) == shape) {
      return family;
    }
  }
  return {job_.layout, job_.micro_batch_said};
}

std::string Supervisor::layout_argument() const {
  return layout_text(roster_.layout(), present_.micro_batch_said);
}

// Where the ranks of the present generation find each other: a file of its own on one machine, else
// a port of the first rank's machine, another one each time.
std::string Supervisor::meeting() const {
  const int generation = roster_.generation();
  if (job_.one_machine) {
    return fmt::format("{}/meeting-{}-{}", job_.directory.folder, epoch_, generation);
  }
  const NodeKnown& first = nodes_[static_cast<std::size_t>(roster_.nodes().front())];
  const std::string host = first.hello ? first.hello->address : "127.0.0.1";
  const std::uint64_t number = tokens::hash64(job_.directory.folder) % meeting_ports +
                               static_cast<std::uint64_t>(epoch_) * 97 +
                               static_cast<std::uint64_t>(generation);
  return fmt::format("{}:{}", host, meeting_ports_first + number % meeting_ports);
}

wire::StartWorkers Supervisor::order_of(int slot, const policy::Start& start, bool joining) const {
  wire::StartWorkers order{.generation = roster_.generation(),
                           .ranks = roster_.slots().ranks_of(roster_.layout(), slot),
                           .threads = job_.threads,
                           .arguments = job_.worker_arguments,
                           .memory = job_.memory_copy};
  const auto add = [&](const std::string& flag, const std::string& value) {
    order.arguments.push_back(flag);
    order.arguments.push_back(value);
  };
  order.arguments.emplace_back("--supervised");
  add("--layout", layout_argument());
  add("--generation", std::to_string(order.generation));
  if (roster_.layout().ranks() > 1) {
    add("--meeting", meeting());
    add("--interface", job_.interface);
  }
  if (start.from_step) add("--from-step", std::to_string(*start.from_step));
  for (const policy::Step step : start.skipped) add("--skip-step", std::to_string(step));
  if (joining) order.arguments.emplace_back("--joining");
  return order;
}

Supervisor::Alive Supervisor::alive(int generation) const {
  if (generation != roster_.generation() || roster_.ranks().empty()) return Alive::none;
  const auto count = std::count_if(roster_.ranks().begin(), roster_.ranks().end(),
                                   [](const RankKnown& rank) { return rank.alive; });
  if (count == 0) return Alive::none;
  return count == std::ssize(roster_.ranks()) ? Alive::all : Alive::some;
}

void Supervisor::carry_out(const policy::Start& start) {
  // An order of a supervisor before us that was carried out, wholly or in part.
  if (alive(start.generation) != Alive::none) return;
  remove_meetings();
  said_layout_.clear();
  roster_.start(start.generation, present_layout(), start.nodes);
  watch_.begin(roster_.layout(), world_.clock.now());
  hang_.reset();
  regroup_until_.reset();
  first_errors_.clear();
  starts_ = start;
  for (std::size_t slot = 0; slot < start.nodes.size(); ++slot) {
    hub_.send(start.nodes[slot], order_of(static_cast<int>(slot), start, false));
  }
}

void Supervisor::carry_out(const policy::Regroup& regroup) {
  const int before = roster_.generation();
  regroup_until_ =
      world_.clock.now() + (job_.one_machine ? regroup_patience_here : regroup_patience_far);
  regroup_taken_over_ = before == regroup.generation;
  if (regroup_taken_over_) {
    // Ordered by a supervisor before us: all have heard it, or it is too late to say it again.
    if (alive(before) != Alive::all) feed(policy::CouldNotGoOn{before});
    return;
  }
  const std::set<policy::Node> occupied = roster_.occupied();
  const layout::Layout layout = with_replicas(present_.layout, regroup.replicas);
  const std::vector<policy::Node> nodes =
      placed(policy_.shape(), regroup.nodes, layout, roster_.slots());
  const std::vector<Roster::Moved> moved = roster_.regroup(regroup.generation, layout, nodes);
  watch_.begin(roster_.layout(), world_.clock.now());
  hang_.reset();
  wire::RegroupOrder order{.layout = layout_argument(),
                           .meeting = meeting(),
                           .interface = job_.interface,
                           .generation = regroup.generation,
                           .joining = !regroup.lost.has_value()};
  // Who was joining when another was lost is started anew: nobody knows how far it came.
  const std::set<policy::Node> joining(regroup.joining.begin(), regroup.joining.end());
  std::set<policy::Node> left = occupied;
  for (const Roster::Moved& one : moved) {
    left.erase(one.node);
    if (joining.contains(one.node)) continue;
    for (std::size_t i = 0; i < one.to.size(); ++i) {
      order.rank = static_cast<int>(one.to[i]);
      hub_.send(one.node,
                wire::TellWorkers{before, {one.from[i]}, written_json(wire::Order{1, order})});
    }
    hub_.send(one.node, wire::RenameWorkers{before, regroup.generation, one.from, one.to});
  }
  for (const policy::Node node : left) hub_.send(node, wire::HaltWorkers{before, false});
  for (std::size_t slot = 0; slot < nodes.size(); ++slot) {
    if (!joining.contains(nodes[slot])) continue;
    hub_.send(nodes[slot], order_of(static_cast<int>(slot), starts_, true));
  }
}

void Supervisor::carry_out(const policy::Stop& stop) {
  for (const policy::Node node : roster_.occupied()) {
    hub_.send(node, wire::HaltWorkers{stop.generation, false});
  }
  hang_.reset();
  regroup_until_.reset();
}

void Supervisor::carry_out(const policy::StopSaved& stop) {
  for (const policy::Node node : roster_.occupied()) {
    hub_.send(node, wire::HaltWorkers{stop.generation, true});
  }
}

void Supervisor::carry_out(const policy::SaveNow& save) {
  for (const policy::Node node : roster_.nodes()) {
    hub_.send(node, wire::TellWorkers{save.generation, roster_.ranks_of(node),
                                      written_json(wire::Order{1, wire::SaveOrder{}})});
  }
}

// The same layout with fewer replicas, whose ranks hold the shards that they held; where not one
// replica fits, what the planner finds.
void Supervisor::carry_out(const policy::Replan& replan) {
  std::optional<Family> found;
  if (const auto layout = fitting(job_.layout, job_.counts, roster_.slots(), replan.nodes)) {
    found = Family{*layout, job_.micro_batch_said};
  } else if (job_.plan) {
    if (const auto other = job_.plan(replan.nodes * job_.ranks_per_node))
      found = Family{*other, true};
  }
  journal_.tell("planned", {{"for_nodes", std::int64_t{replan.nodes}},
                            {"layout", found ? layout::written(found->layout) : "none fits"}});
  if (!found) return feed(policy::Planned{});
  planned_ = *found;
  feed(policy::Planned{shape_of(found->layout, roster_.slots())});
}

void Supervisor::end(Ended how, const std::string& why) {
  if (how != Ended::gave_up && run_.gone_at_last()) return end_without_directory();
  ended_ = how;
  if (how == Ended::gave_up) {
    journal_.tell("gave_up", {{"why", why}, {"errors", first_errors_}}, true);
  } else {
    journal_.tell("finished",
                  {{"how", how == Ended::done ? "done" : "stopped"}, {"step", best_step_}}, true);
  }
}

void Supervisor::end_without_directory() {
  end(Ended::gave_up, job_.directory.folder + " was removed, or is another run's by now");
}

void Supervisor::carry_out(const policy::Action& action) {
  const auto& what = action.what;
  if (const auto* it = std::get_if<policy::Start>(&what)) return carry_out(*it);
  if (const auto* it = std::get_if<policy::Regroup>(&what)) return carry_out(*it);
  if (const auto* it = std::get_if<policy::Stop>(&what)) return carry_out(*it);
  if (const auto* it = std::get_if<policy::StopSaved>(&what)) return carry_out(*it);
  if (const auto* it = std::get_if<policy::SaveNow>(&what)) return carry_out(*it);
  if (const auto* it = std::get_if<policy::Replan>(&what)) return carry_out(*it);
  if (std::holds_alternative<policy::GiveUp>(what)) return end(Ended::gave_up, action.why.text());
  if (const auto* it = std::get_if<policy::Finish>(&what)) {
    end(it->done ? Ended::done : Ended::stopped, action.why.text());
  }
}

}  // namespace celere::launch
