#include "launch/hub.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace celere::launch {
namespace {

constexpr std::uint64_t of_listener = ~std::uint64_t{0};
const Seconds hello_patience = Seconds::of(5);
const Seconds sweep_every = Seconds::of(1);

}  // namespace

Result<Hub> Hub::open(const wire::Secret& secret, const Clock& clock, const HubOptions& options) {
  ASSIGN_OR_RETURN(wire::Listener listener, wire::Listener::open(secret, options.address));
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = of_listener}};
  if (poll < 0 || ::epoll_ctl(poll, EPOLL_CTL_ADD, listener.descriptor(), &event) != 0) {
    return Error{ErrorCode::io, fmt::format("epoll: {}", std::strerror(errno)), {}};
  }
  return Hub(std::move(listener), clock, options, poll);
}

Hub::Hub(wire::Listener listener, const Clock& clock, const HubOptions& options, int poll)
    : listener_(std::move(listener)),
      clock_(&clock),
      options_(options),
      poll_(poll),
      of_node_(static_cast<std::size_t>(options.nodes_max), -1),
      swept_(clock.now()) {}

Hub::Hub(Hub&& other) noexcept
    : listener_(std::move(other.listener_)),
      clock_(other.clock_),
      options_(std::move(other.options_)),
      poll_(std::exchange(other.poll_, -1)),
      connections_(std::move(other.connections_)),
      free_(std::move(other.free_)),
      of_node_(std::move(other.of_node_)),
      to_send_(std::move(other.to_send_)),
      heard_(std::move(other.heard_)),
      swept_(other.swept_) {}

Hub::~Hub() {
  if (poll_ >= 0) ::close(poll_);
}

void Hub::accept() {
  while (std::optional<wire::Channel> channel = listener_.accept()) {
    std::size_t index = connections_.size();
    if (free_.empty()) {
      connections_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    connections_[index] = {
        .channel = std::move(channel), .node = -1, .since = clock_->now(), .writes = false};
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, connections_[index].channel->descriptor(), &event);
    to_send_.push_back(index);  // the greeting
  }
}

void Hub::drop(std::size_t index) {
  Connection& connection = connections_[index];
  if (!connection.channel) return;
  connection.channel.reset();  // closes it, which ends its watch
  if (const int node = std::exchange(connection.node, -1); node >= 0) {
    of_node_[static_cast<std::size_t>(node)] = -1;
    heard_.push_back({node, std::nullopt});
  }
  free_.push_back(index);
}

bool Hub::greet(std::size_t index, const wire::AgentMessage& message) {
  const auto* hello = std::get_if<wire::AgentHello>(&message);
  if (hello == nullptr || hello->node < 0 || hello->node >= options_.nodes_max) return false;
  int& place = of_node_[static_cast<std::size_t>(hello->node)];
  if (place >= 0) drop(static_cast<std::size_t>(place));
  place = static_cast<int>(index);
  connections_[index].node = static_cast<int>(hello->node);
  send(static_cast<int>(hello->node), wire::AgentWelcome{options_.epoch});
  return true;
}

// Hears the messages that have come. False: one of them ends the connection.
bool Hub::take(std::size_t index) {
  Connection& connection = connections_[index];
  while (const std::optional<std::string> text = connection.channel->next()) {
    Result<wire::AgentMessage> message = wire::parse_agent_message(*text);
    if (!message.ok() || (connection.node < 0 && !greet(index, *message))) return false;
    heard_.push_back({connection.node, *std::move(message)});
  }
  return true;
}

void Hub::read(std::size_t index) {
  if (!connections_[index].channel) return;
  const bool alive = connections_[index].channel->work().ok();
  if (!take(index) || !alive) return drop(index);
  watch(index);
}

// Whether it is to be told when it takes more.
void Hub::watch(std::size_t index) {
  Connection& connection = connections_[index];
  const bool writes = connection.channel->wants_to_write();
  if (writes == connection.writes) return;
  connection.writes = writes;
  epoll_event event{.events = EPOLLIN | (writes ? std::uint32_t{EPOLLOUT} : 0u),
                    .data = {.u64 = index}};
  ::epoll_ctl(poll_, EPOLL_CTL_MOD, connection.channel->descriptor(), &event);
}

void Hub::send(int node, const wire::AgentMessage& message) {
  if (!connected(node)) return;
  const auto index = static_cast<std::size_t>(of_node_[static_cast<std::size_t>(node)]);
  connections_[index].channel->send(written_json(message));
  to_send_.push_back(index);
}

bool Hub::connected(int node) const {
  return node >= 0 && node < options_.nodes_max && of_node_[static_cast<std::size_t>(node)] >= 0;
}

void Hub::flush() {
  for (const std::size_t index : std::exchange(to_send_, {})) read(index);
}

void Hub::disconnect(int node) {
  if (connected(node)) drop(static_cast<std::size_t>(of_node_[static_cast<std::size_t>(node)]));
}

void Hub::drop_silent() {
  const Instant now = clock_->now();
  if (now - swept_ < sweep_every) return;
  swept_ = now;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const Connection& one = connections_[i];
    if (one.channel && one.node < 0 && now - one.since > hello_patience) drop(i);
  }
}

std::vector<Hub::Heard> Hub::work(Seconds wait) {
  flush();
  std::array<epoll_event, 1024> events;
  const double wait_s = heard_.empty() ? wait.in_base() : 0;
  const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(wait_s * 1e3));
  behind_ = count == std::ssize(events);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t index = events[static_cast<std::size_t>(i)].data.u64;
    if (index == of_listener) {
      accept();
    } else {
      read(index);
    }
  }
  drop_silent();
  flush();
  return std::exchange(heard_, {});
}

}  // namespace celere::launch
