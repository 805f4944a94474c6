#include "launch/supervisor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "checkpoint/reader.hpp"
#include "checkpoint/retention.hpp"
#include "launch/fault_maker.hpp"
#include "launch/recovery_memory.hpp"
#include "launch/supervisor_place.hpp"
#include "launch/worker_message.hpp"
#include "policy/log_lines.hpp"
#include "tokens/hash.hpp"

namespace celere::launch {
namespace {

const Seconds look_every = Seconds::of(0.02);
const Seconds look_patience = Seconds::of(0.8);  // for what ranks were seen to do
const Seconds open_patience = Seconds::of(3);    // for agents that lived before us
const Seconds leave_patience = Seconds::of(2);   // for what is still to be sent at the end
const Seconds asleep_min = Seconds::of(2);       // between two looks: we stood still ourselves

struct Recovered {
  policy::Recovery policy;
  Family present, planned;
  std::string forgotten;                    // why what was decided before is; empty: nothing is
  std::optional<std::int64_t> memory = {};  // a hash of what is remembered
};

Recovered recovered(const Files& files, const Job& job) {
  const policy::Shape shape = shape_of(job.layout, {job.ranks_per_node});
  const Family full{job.layout, job.micro_batch_said};
  Recovered out{policy::Recovery(job.settings, shape), full, full, {}};
  const Result<RecoveryMemory> memory = read_recovery(files, job.directory);
  if (!memory.ok()) {
    if (memory.error().code != ErrorCode::not_found) out.forgotten = memory.error().message;
    return out;
  }
  Result<policy::Recovery> before =
      policy::Recovery::from_state(job.settings, shape, memory->state);
  // Of another layout, or damaged: what was decided then is forgotten, and that is said.
  if (!before.ok()) {
    out.forgotten = before.error().message;
    return out;
  }
  const auto hash = static_cast<std::int64_t>(tokens::hash64(memory->state));
  return {*std::move(before), memory->present, memory->planned, {}, hash};
}

// Where supervisor.json is lost or damaged the log knows: agents do not obey an older epoch.
std::int64_t next_epoch(const Files& files, const wire::RunDirectory& directory) {
  const Result<SupervisorPlace> last = read_supervisor(files, directory);
  if (last.ok()) return last->epoch + 1;
  std::int64_t epoch = 0;
  if (const auto events = wire::read_events(files, directory.events()); events.ok()) {
    for (const wire::Event& event : *events) {
      if (event.event != "supervisor_started") continue;
      epoch = std::max(epoch, number_of(event, "epoch").value_or(0));
    }
  }
  return epoch + 1;
}

}  // namespace

Supervisor::Supervisor(const SupervisorWorld& world, Job job, Hub hub, Journal journal,
                       policy::Recovery policy, std::int64_t epoch)
    : world_(world),
      job_(std::move(job)),
      hub_(std::move(hub)),
      journal_(std::move(journal)),
      policy_(std::move(policy)),
      epoch_(epoch),
      roster_({job_.ranks_per_node}),
      watch_(job_.watch),
      run_(world.files, world.clock, job_.directory),
      nodes_(static_cast<std::size_t>(job_.nodes)) {}

Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::make(const SupervisorWorld& world, Job job,
                                                     const wire::Secret& secret,
                                                     const wire::Address& address,
                                                     Journal::Say say) {
  const std::int64_t epoch = next_epoch(world.files, job.directory);
  Recovered before = recovered(world.files, job);
  ASSIGN_OR_RETURN(Journal journal,
                   Journal::open(world.clock, job.directory.events(), std::move(say)));
  ASSIGN_OR_RETURN(
      Hub hub,
      Hub::open(secret, world.clock, {.address = address, .epoch = epoch, .nodes_max = job.nodes}));
  RETURN_IF_ERROR(write_supervisor(world.files, job.directory, {hub.address(), epoch, ::getpid()}));
  std::unique_ptr<Supervisor> supervisor(new Supervisor(
      world, std::move(job), std::move(hub), std::move(journal), std::move(before.policy), epoch));
  supervisor->present_ = before.present;
  supervisor->planned_ = before.planned;
  supervisor->memory_ = before.memory;
  if (!before.forgotten.empty()) {
    supervisor->journal_.tell("recovery_forgotten", {{"why", before.forgotten}});
  }
  return supervisor;
}

void Supervisor::add_faults(std::unique_ptr<FaultMaker> faults) { faults_ = std::move(faults); }

// All of them, where nobody here knows which live.
bool Supervisor::awaits_agents() const {
  for (int node = 0; node < job_.nodes; ++node) {
    const bool lives = world_.local == nullptr || world_.local->lives(node);
    if (lives && !hub_.connected(node)) return true;
  }
  return false;
}

// Agents that lived before us say what lives; who does not in time is gone.
void Supervisor::open() {
  journal_.tell("supervisor_started",
                {{"epoch", epoch_},
                 {"process", static_cast<std::int64_t>(::getpid())},
                 {"wall_ns", world_.clock.wall().nanoseconds},
                 {"nodes", static_cast<std::int64_t>(job_.nodes)},
                 {"layout", layout::written(job_.layout)}},
                true);
  journal_.record(
      "recovery_begins",
      policy::begins_fields({job_.settings, shape_of(job_.layout, roster_.slots()), memory_}));
  const bool goes_on =
      policy_.phase() != policy::Phase::idle && policy_.phase() != policy::Phase::over;
  const Instant end = world_.clock.now() + open_patience;
  std::vector<Hub::Heard> early;  // what they say meanwhile is of a generation not known yet
  while (awaits_agents() && world_.clock.now() < end) {
    for (Hub::Heard& heard : hub_.work(look_every)) {
      const bool hello = heard.message && std::holds_alternative<wire::AgentHello>(*heard.message);
      if (hello || !heard.message) {
        hear(heard);
      } else {
        early.push_back(std::move(heard));
      }
    }
  }
  opened_ = true;
  if (goes_on && policy_.generation() > 0) {
    const layout::Layout layout = present_layout();
    roster_.start(policy_.generation(), layout,
                  placed(policy_.shape(), policy_.nodes(), layout, roster_.slots()));
    watch_.begin(roster_.layout(), world_.clock.now());
  }
  const auto committed = checkpoint::committed(world_.storage, job_.directory.checkpoints());
  if (!committed.empty()) feed(policy::CheckpointCommitted{committed.front().step});
  for (int node = 0; node < job_.nodes; ++node) {
    const NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
    const std::int64_t generation = known.joined ? known.hello->generation : 0;
    const bool whole = generation != 0 && generation == roster_.generation() &&
                       known.hello->ranks == roster_.ranks_of(node);
    if (!whole) roster_.cleared(node);
    if (!whole && generation != 0) hub_.send(node, wire::HaltWorkers{generation, false});
    if (known.joined) {
      feed(policy::NodeJoined{node});
    } else {
      feed(policy::NodeGone{node});  // a memory from before believes that it is there
    }
  }
  for (int node = 0; job_.clear_nodes && node < job_.nodes; ++node) {
    feed(policy::NodeCleared{node});
  }
  const Instant now = world_.clock.wall();
  told_.began(now);
  carry_out_all(policy_.begin(now));
  // Of a generation that should live and does so only in part, one has failed.
  const bool in_part = alive(roster_.generation()) == Alive::some;
  for (std::size_t rank = 0; in_part && rank < roster_.ranks().size(); ++rank) {
    const RankKnown& one = roster_.ranks()[rank];
    if (one.alive) continue;
    feed(policy::WorkerExited{roster_.generation(), one.node, static_cast<int>(rank), {}, 9});
    break;
  }
  if (roster_.take_all_gone()) feed(policy::GenerationEnded{roster_.generation()});
  for (const Hub::Heard& heard : early) hear(heard);
}

// Events that carrying out an action brings about wait until it is done.
void Supervisor::feed(const policy::Event& event) {
  waiting_.push_back(event);
  if (feeding_) return;
  feeding_ = true;
  while (!waiting_.empty()) {
    const policy::Event next = waiting_.front();
    waiting_.erase(waiting_.begin());
    const Instant now = world_.clock.wall();
    told_.add(next, now, policy_.phase());
    const std::vector<policy::Action> actions = policy_.on(next, now);
    // What a step done changes alone need not be on the disk.
    unwritten_ |= !std::holds_alternative<policy::Trained>(next);
    if (!actions.empty()) carry_out_all(actions);
  }
  feeding_ = false;
}

// All of them are on the disk, and the memory behind them, before the first is carried out: that of
// a start says which layout it is.
void Supervisor::carry_out_all(const std::vector<policy::Action>& actions) {
  told_.write(journal_);
  for (const policy::Action& action : actions) {
    journal_.tell("decision", policy::decision_fields(action, policy_), &action == &actions.back());
    if (std::holds_alternative<policy::Start>(action.what)) present_ = family_of(policy_.shape());
  }
  remember();
  for (const policy::Action& action : actions) carry_out(action);
}

// Errors are not those of the training: the next supervisor would know less.
void Supervisor::remember() {
  unwritten_ = false;
  told_.write(journal_);
  if (const std::vector<policy::Step> keep = policy_.must_keep(); keep != kept_) {
    kept_ = keep;
    (void)checkpoint::write_steps_to_keep(world_.files, job_.directory.checkpoints(), keep);
  }
  (void)write_recovery(world_.files, job_.directory, {policy_.state(), present_, planned_});
}

Ended Supervisor::run(const std::atomic<int>& interrupts) {
  open();
  int passed_on = 0;
  while (!ended_) {
    for (const Hub::Heard& heard : hub_.work(look_every)) hear(heard);
    if (interrupts > passed_on) {
      ++passed_on;
      feed(policy::StopAsked{});
    }
    look_after();
    if (faults_) faults_->work(*this, best_step_);
    const std::optional<Instant> wakes = policy_.wakes();
    if (wakes && world_.clock.wall() >= *wakes) feed(policy::Tick{});
    if (unwritten_) remember();
    if (!ended_ && run_.gone()) end_without_directory();
    if (world_.clock.now() - status_at_ > Seconds::of(1)) write_status();
  }
  for (int node = 0; node < job_.nodes; ++node) hub_.send(node, wire::AgentLeave{});
  const Instant end = world_.clock.now() + leave_patience;
  const auto anyone = [&] {
    for (int node = 0; node < job_.nodes; ++node) {
      if (hub_.connected(node)) return true;
    }
    return false;
  };
  while (anyone() && world_.clock.now() < end) (void)hub_.work(look_every);
  write_status();
  remove_meetings();
  // What is done may be asked for more (another --stop-after): that begins anew.
  if (*ended_ == Ended::done) (void)world_.files.remove(job_.directory.recovery());
  return *ended_;
}

// Since when no step is done, from the first failure on.
void Supervisor::failed() {
  if (failed_at_) return;
  failed_at_ = world_.clock.now();
  failed_generation_ = roster_.generation();
}

void Supervisor::gone(int node, const std::string& why) {
  NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
  known.lost.reset();
  if (!std::exchange(known.joined, false)) return;
  journal_.tell("node_gone", {{"node", std::int64_t{node}}, {"why", why}});
  roster_.cleared(node);
  if (!roster_.ranks_of(node).empty()) failed();
  feed(policy::NodeGone{node});
  if (roster_.take_all_gone()) feed(policy::GenerationEnded{roster_.generation()});
}

// A machine that sleeps, a process that is stopped: in that time nobody was silent or late, and who
// wakes up behind us has its patience anew.
void Supervisor::allow_for_sleep(Seconds slept) {
  const Instant now = world_.clock.now();
  for (NodeKnown& known : nodes_) {
    known.heard = std::min(now, known.heard + slept);
    if (known.lost) known.lost = std::min(now, *known.lost + slept);
  }
  watch_.rest(now);
  if (hang_) hang_->until = hang_->until + slept;
  if (regroup_until_) regroup_until_ = *regroup_until_ + slept;
}

// What only time shows.
void Supervisor::look_at_nodes() {
  const Instant now = world_.clock.now();
  if (now - looked_at_ < look_every) return;  // messages of thousands come faster
  if (looked_at_ != Instant{} && now - looked_at_ > asleep_min) allow_for_sleep(now - looked_at_);
  looked_at_ = now;
  if (world_.local != nullptr) {
    for (const int node : world_.local->work()) gone(node, "its agent died");
  }
  for (int node = 0; node < job_.nodes; ++node) {
    const NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
    if (known.lost && world_.local != nullptr && !world_.local->lives(node)) {
      gone(node, "its agent died");
    } else if (known.lost && now - *known.lost > job_.watch.away_max) {
      gone(node, "its agent does not come back");
    } else if (known.joined && hub_.connected(node) && !hub_.behind() &&
               now - known.heard > job_.watch.silent_max) {
      if (world_.local != nullptr) world_.local->kill(node);
      hub_.disconnect(node);  // should it wake up, it says hello anew
      gone(node, "its agent is silent");
    }
  }
}

void Supervisor::look_after() {
  look_at_nodes();
  const Instant now = world_.clock.now();
  const bool training = policy_.phase() == policy::Phase::training;
  if (training && !hang_ && watch_.overdue(now)) {
    hang_ = Hang{.until = now + look_patience, .seen = {}};
    for (const int node : roster_.occupied())
      hub_.send(node, wire::AgentLook{roster_.generation()});
  }
  if (hang_ && now >= hang_->until) judge_hang();
  if (regroup_until_ && now >= *regroup_until_) {
    regroup_until_.reset();
    feed(policy::CouldNotGoOn{roster_.generation()});
  }
  for (const Watch::Straggler& slow : watch_.take_stragglers()) {
    const int node = roster_.ranks()[static_cast<std::size_t>(slow.rank)].node;
    journal_.tell("straggler", {{"rank", slow.rank},
                                {"node", std::int64_t{node}},
                                {"step", slow.step},
                                {"factor", slow.factor}});
    feed(policy::Slow{roster_.generation(), node, static_cast<int>(slow.rank), slow.factor});
  }
}

}  // namespace celere::launch
