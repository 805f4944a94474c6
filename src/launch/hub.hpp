// The supervisor's side of its agents' connections: one each, thousands of them, in one thread.
//
// Who connects says hello within a few seconds, sealed with the run's secret, and is answered with
// the supervisor's epoch; who does not is dropped. A second connection of a node takes the place of
// the first.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "wire/agent_message.hpp"
#include "wire/channel.hpp"

namespace celere::launch {

struct HubOptions {
  wire::Address address{"127.0.0.1", 0};
  std::int64_t epoch = 1;
  int nodes_max = 1;  // a node's number is below it
};

class Hub {
 public:
  // Errors: io; busy, where the port is in use.
  static Result<Hub> open(const wire::Secret& secret, const Clock& clock,
                          const HubOptions& options);
  Hub(Hub&& other) noexcept;
  Hub& operator=(Hub&&) = delete;
  ~Hub();

  struct Heard {
    int node = 0;
    // Nothing: the connection of this node has ended.
    std::optional<wire::AgentMessage> message;
  };
  // Waits at most so long for the first; a node's hello comes before what else it says.
  std::vector<Heard> work(Seconds wait);
  void send(int node, const wire::AgentMessage& message);  // nothing where it is not connected
  // Sends what goes without waiting. What comes meanwhile is heard by the next work().
  void flush();
  // Ends its connection: an agent that lives connects again and says hello.
  void disconnect(int node);
  bool connected(int node) const;
  // More has come than the last work() has read: who seems silent may have spoken.
  bool behind() const { return behind_; }
  const wire::Address& address() const { return listener_.address(); }

 private:
  struct Connection {
    std::optional<wire::Channel> channel;
    int node = -1;  // it has not said hello
    Instant since{};
    bool writes = false;  // it waits until it can
  };
  Hub(wire::Listener listener, const Clock& clock, const HubOptions& options, int poll);
  void accept();
  void read(std::size_t index);
  bool take(std::size_t index);
  bool greet(std::size_t index, const wire::AgentMessage& message);
  void drop(std::size_t index);
  void watch(std::size_t index);
  void drop_silent();

  wire::Listener listener_;
  const Clock* clock_;
  HubOptions options_;
  int poll_ = -1;
  std::vector<Connection> connections_;
  std::vector<std::size_t> free_;
  std::vector<int> of_node_;          // the connection of each node, or -1
  std::vector<std::size_t> to_send_;  // connections
  std::vector<Heard> heard_;          // since the last work()
  Instant swept_{};
  bool behind_ = false;
};

}  // namespace celere::launch
