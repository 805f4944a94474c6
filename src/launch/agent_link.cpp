#include "launch/agent_link.hpp"

namespace celere::launch {
namespace {

const Seconds look_every = Seconds::of(0.1);
const Seconds welcome_patience = Seconds::of(5);  // with who listens where a supervisor did
constexpr std::size_t unsaid_max = 10000;         // the oldest go first

}  // namespace

AgentLink::AgentLink(const wire::Secret& secret, const Files& files, const Clock& clock,
                     wire::RunDirectory directory, Hello hello)
    : secret_(secret),
      files_(&files),
      clock_(&clock),
      directory_(std::move(directory)),
      hello_(std::move(hello)),
      looked_(clock.now() + Seconds::of(-1)),
      lost_(clock.now()) {}

void AgentLink::say(const wire::AgentMessage& message) {
  if (obeyed_) return channel_->send(written_json(message));
  if (std::holds_alternative<wire::AgentBeat>(message)) return;
  if (unsaid_.size() == unsaid_max) unsaid_.pop_front();
  unsaid_.push_back(written_json(message));
}

void AgentLink::connect() {
  const Instant now = clock_->now();
  if (now - looked_ < look_every) return;
  looked_ = now;
  const Result<SupervisorPlace> place = read_supervisor(*files_, directory_);
  if (!place.ok() || static_cast<std::uint64_t>(place->epoch) < fence_.highest()) return;
  // Where a supervisor was something else may listen by now, and never say a word.
  const bool waits = channel_ && now - connected_ <= welcome_patience;
  if (waits && *place == asked_) return;
  channel_.reset();
  asked_ = *place;
  connected_ = now;
  Result<wire::Channel> channel = wire::Channel::connect(secret_, place->address);
  if (!channel.ok()) return;
  channel_ = *std::move(channel);
  channel_->send(written_json(wire::AgentMessage(hello_())));
}

void AgentLink::lose() {
  channel_.reset();
  if (obeyed_) lost_ = clock_->now();
  obeyed_ = false;
}

std::optional<Seconds> AgentLink::alone() const {
  if (obeyed_) return std::nullopt;
  return clock_->now() - lost_;
}

// The first message must be the epoch, and a new one.
bool AgentLink::admit(const wire::AgentMessage& message) {
  const auto* welcome = std::get_if<wire::AgentWelcome>(&message);
  if (welcome == nullptr) return obeyed_;
  if (obeyed_ || !fence_.admits(static_cast<std::uint64_t>(welcome->epoch))) return false;
  obeyed_ = true;
  for (const std::string& text : unsaid_) channel_->send(text);
  unsaid_.clear();
  return true;
}

std::vector<wire::AgentMessage> AgentLink::work() {
  std::vector<wire::AgentMessage> orders;
  if (!obeyed_) connect();
  if (!channel_) return orders;
  const bool alive = channel_->work().ok();
  while (const std::optional<std::string> text = channel_->next()) {
    Result<wire::AgentMessage> message = wire::parse_agent_message(*text);
    if (!message.ok() || !admit(*message)) {
      lose();
      return orders;
    }
    if (!std::holds_alternative<wire::AgentWelcome>(*message)) {
      orders.push_back(*std::move(message));
    }
  }
  if (!alive) lose();
  return orders;
}

}  // namespace celere::launch
