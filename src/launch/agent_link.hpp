// An agent's way to the supervisor of its run, whoever that is now: looks for it where it says that
// it listens, connects, says hello, and does it again when the connection or the supervisor is
// gone.
//
// A supervisor whose epoch is below one that was obeyed before is not obeyed any more: it was taken
// for dead, and another one leads.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "launch/supervisor_place.hpp"
#include "policy/fence.hpp"
#include "wire/agent_message.hpp"
#include "wire/channel.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

class AgentLink {
 public:
  using Hello = std::function<wire::AgentHello()>;
  // `hello` is asked at each connection.
  AgentLink(const wire::Secret& secret, const Files& files, const Clock& clock,
            wire::RunDirectory directory, Hello hello);

  // Kept until somebody is there to hear it; beats are not.
  void say(const wire::AgentMessage& message);
  // Connects, sends, receives, without waiting but for a connection. What the supervisor orders.
  std::vector<wire::AgentMessage> work();

  bool connected() const { return obeyed_; }
  // Since nobody leads; nothing while somebody does.
  std::optional<Seconds> alone() const;
  int descriptor() const { return channel_ ? channel_->descriptor() : -1; }

 private:
  void connect();
  void lose();
  bool admit(const wire::AgentMessage& message);

  wire::Secret secret_;
  const Files* files_;
  const Clock* clock_;
  wire::RunDirectory directory_;
  Hello hello_;
  policy::Fence fence_;
  std::optional<wire::Channel> channel_;
  SupervisorPlace asked_;  // where that goes
  bool obeyed_ = false;    // it has said its epoch
  std::deque<std::string> unsaid_;
  Instant looked_{}, connected_{}, lost_{};
};

}  // namespace celere::launch
