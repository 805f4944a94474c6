#include "launch/agent.hpp"

#include <fmt/format.h>
#include <poll.h>

#include "launch/agent_link.hpp"
#include "launch/agent_ranks.hpp"
#include "launch/run_presence.hpp"

namespace celere::launch {
namespace {

constexpr int look_every_ms = 20;

class Agent {
 public:
  Agent(const AgentWorld& world, const AgentOptions& options, const wire::Secret& secret)
      : world_(world),
        options_(options),
        ranks_({world.processes, world.files, world.clock}, options.folder,
               [this](const wire::AgentMessage& message) { link_.say(message); }),
        link_(secret, world.files, world.clock, options.directory, [this] { return hello(); }),
        run_(world.files, world.clock, options.directory),
        beat_at_(world.clock.now()) {}

  AgentEnded run(const std::atomic<int>& interrupts) {
    while (true) {
      for (const wire::AgentMessage& order : link_.work()) obey(order);
      ranks_.work();
      beat();
      if (told_) return AgentEnded::told;
      if (interrupts > 0 && leave(interrupts)) return AgentEnded::asked;
      if (abandoned()) return AgentEnded::alone;
      pollfd wait{.fd = link_.descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&wait, 1, look_every_ms);
    }
  }

 private:
  wire::AgentHello hello() const {
    return {.node = options_.node,
            .host = options_.host,
            .address = options_.address,
            .epoch = 0,
            .generation = ranks_.generation(),
            .ranks = ranks_.alive()};
  }

  void obey(const wire::AgentMessage& order) {
    if (const auto* start = std::get_if<wire::StartWorkers>(&order)) ranks_.start(*start);
    if (const auto* halt = std::get_if<wire::HaltWorkers>(&order)) ranks_.halt(*halt);
    if (const auto* tell = std::get_if<wire::TellWorkers>(&order)) ranks_.tell(*tell);
    if (const auto* rename = std::get_if<wire::RenameWorkers>(&order)) ranks_.rename(*rename);
    if (const auto* signal = std::get_if<wire::SignalWorker>(&order)) ranks_.signal(*signal);
    if (const auto* look = std::get_if<wire::AgentLook>(&order)) ranks_.look(*look);
    told_ |= std::holds_alternative<wire::AgentLeave>(order);
  }

  void beat() {
    const Instant now = world_.clock.now();
    if (now < beat_at_) return;
    link_.say(ranks_.beat());
    beat_at_ = now + options_.beat_every;
  }

  // Says so once; then it has the notice to be relieved in. Asked again, it goes at once.
  bool leave(int interrupts) {
    const Instant now = world_.clock.now();
    if (!leaves_at_) {
      leaves_at_ = now + options_.notice;
      link_.say(wire::AgentLeaving{options_.notice.in_base()});
    }
    return interrupts > 1 || now >= *leaves_at_ || ranks_.generation() == 0;
  }

  // Nobody leads: the workers save and end, and when they have, so does the agent.
  bool abandoned() {
    const std::optional<Seconds> alone = link_.alone();
    if (alone && run_.gone()) return true;  // nobody will ever lead it
    if (!alone || *alone < options_.alone_max) {
      halted_ = false;
      return false;
    }
    if (ranks_.generation() == 0) return true;
    if (!halted_) ranks_.halt({ranks_.generation(), true});
    halted_ = true;
    return *alone > 3 * options_.alone_max;
  }

  AgentWorld world_;
  AgentOptions options_;
  AgentRanks ranks_;
  AgentLink link_;
  RunPresence run_;
  Instant beat_at_{};
  std::optional<Instant> leaves_at_;
  bool told_ = false, halted_ = false;
};

}  // namespace

Result<AgentEnded> run_agent(const AgentWorld& world, const AgentOptions& options,
                             const std::atomic<int>& interrupts) {
  RETURN_IF_ERROR(world.files.make_folder(options.folder));
  // One agent a node: the lock is that of a run directory, here of the node's own folder.
  ASSIGN_OR_RETURN(const wire::RunLock lock, wire::RunLock::take({options.folder}));
  ASSIGN_OR_RETURN(const wire::Secret secret, wire::Secret::at(options.directory.secret()));
  return Agent(world, options, secret).run(interrupts);
}

}  // namespace celere::launch
