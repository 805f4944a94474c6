// Both ends of an agent's connection, over loopback; the clock is moved by hand.
#include "launch/hub.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "launch/agent_link.hpp"
#include "launch/supervisor_place.hpp"

namespace celere::launch {
namespace {

using testing::IsEmpty;

wire::Secret secret_of(std::uint8_t byte) {
  std::array<std::uint8_t, wire::secret_bytes> bytes;
  bytes.fill(byte);
  return wire::Secret::of(bytes);
}

std::string hello(std::int64_t node) {
  return written_json(wire::AgentMessage(wire::AgentHello{.node = node,
                                                          .host = "here",
                                                          .address = "127.0.0.1",
                                                          .epoch = 0,
                                                          .generation = 0,
                                                          .ranks = {}}));
}

class HubTest : public testing::Test {
 protected:
  Hub open(std::int64_t epoch = 1) {
    auto hub = Hub::open(secret_of(1), clock_,
                         {.address = {"127.0.0.1", 0}, .epoch = epoch, .nodes_max = 4});
    CHECK(hub.ok());
    return *std::move(hub);
  }
  wire::Channel connect(const Hub& hub, std::uint8_t secret = 1) {
    auto channel = wire::Channel::connect(secret_of(secret), hub.address());
    CHECK(channel.ok());
    return *std::move(channel);
  }
  // Works at both ends until it is so, or for a second. What the hub heard comes behind `heard`.
  template <typename Is>
  bool until(Hub& hub, std::vector<wire::Channel*> channels, const Is& is) {
    for (int i = 0; i < 200 && !is(); ++i) {
      for (wire::Channel* channel : channels) alive_ = channel->work().ok();
      for (Hub::Heard& one : hub.work(Seconds::of(0.005))) heard_.push_back(std::move(one));
    }
    return is();
  }

  ManualClock clock_;
  std::vector<Hub::Heard> heard_;
  bool alive_ = true;  // the last channel
};

TEST_F(HubTest, who_says_hello_is_welcome_and_heard) {
  Hub hub = open(7);
  wire::Channel agent = connect(hub);
  agent.send(hello(2));
  agent.send(written_json(wire::AgentMessage(wire::WorkersCleared{5})));
  ASSERT_TRUE(until(hub, {&agent}, [&] { return heard_.size() == 2; }));
  EXPECT_EQ(heard_[0].node, 2);
  EXPECT_TRUE(std::holds_alternative<wire::AgentHello>(*heard_[0].message));
  EXPECT_EQ(*heard_[1].message, wire::AgentMessage(wire::WorkersCleared{5}));
  EXPECT_TRUE(hub.connected(2));
  EXPECT_FALSE(hub.connected(1));
  std::optional<std::string> answer;
  ASSERT_TRUE(until(hub, {&agent}, [&] { return answer || (answer = agent.next()); }));
  EXPECT_EQ(*wire::parse_agent_message(*answer), wire::AgentMessage(wire::AgentWelcome{7}));
}

// What comes while the hub sends is not left lying until more comes. It sends in flush(), behind
// which the socket has nothing that a poll would see.
TEST_F(HubTest, what_comes_while_it_sends_is_heard_by_the_next_work) {
  Hub hub = open();
  wire::Channel agent = connect(hub);
  agent.send(hello(0));
  ASSERT_TRUE(until(hub, {&agent}, [&] { return heard_.size() == 1; }));
  hub.flush();
  agent.send(written_json(wire::AgentMessage(wire::WorkersCleared{5})));
  ASSERT_TRUE(agent.work().ok());
  hub.send(0, wire::AgentLook{1});
  hub.flush();
  const std::vector<Hub::Heard> heard = hub.work(Seconds::of(0.1));
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(*heard[0].message, wire::AgentMessage(wire::WorkersCleared{5}));
}

TEST_F(HubTest, a_stranger_is_not_heard) {
  Hub hub = open();
  wire::Channel stranger = connect(hub, 2);
  stranger.send(hello(0));
  ASSERT_TRUE(until(hub, {&stranger}, [&] { return !alive_; }));
  EXPECT_THAT(heard_, IsEmpty());
  EXPECT_FALSE(hub.connected(0));
}

// Five seconds are allowed for the hello; who has said it may be silent.
TEST_F(HubTest, who_says_nothing_is_dropped) {
  Hub hub = open();
  wire::Channel silent = connect(hub), agent = connect(hub);
  agent.send(hello(1));
  ASSERT_TRUE(until(hub, {&silent, &agent}, [&] { return hub.connected(1); }));
  clock_.advance(Seconds::of(4.5));
  EXPECT_FALSE(until(hub, {&silent}, [&] { return !alive_; }));
  clock_.advance(Seconds::of(1.5));
  EXPECT_TRUE(until(hub, {&silent}, [&] { return !alive_; }));
  clock_.advance(Seconds::of(100));
  alive_ = true;
  EXPECT_FALSE(until(hub, {&agent}, [&] { return !alive_; }));
  EXPECT_TRUE(hub.connected(1));
}

TEST_F(HubTest, a_second_connection_of_a_node_takes_the_place_of_the_first) {
  Hub hub = open();
  wire::Channel first = connect(hub);
  first.send(hello(3));
  ASSERT_TRUE(until(hub, {&first}, [&] { return heard_.size() == 1; }));
  wire::Channel second = connect(hub);
  second.send(hello(3));
  ASSERT_TRUE(until(hub, {&second}, [&] { return heard_.size() == 3; }));
  EXPECT_EQ(heard_[1].node, 3);
  EXPECT_FALSE(heard_[1].message);  // the end of the first, then the hello of the second
  EXPECT_TRUE(std::holds_alternative<wire::AgentHello>(*heard_[2].message));
  EXPECT_TRUE(until(hub, {&first}, [&] { return !alive_; }));
  EXPECT_TRUE(hub.connected(3));
}

TEST_F(HubTest, a_node_out_of_range_and_one_that_begins_otherwise_are_dropped) {
  Hub hub = open();
  for (const std::string& first :
       {hello(4), hello(-1), written_json(wire::AgentMessage(wire::WorkersCleared{1})),
        std::string("{}")}) {
    wire::Channel agent = connect(hub);
    agent.send(first);
    alive_ = true;
    EXPECT_TRUE(until(hub, {&agent}, [&] { return !alive_; })) << first;
  }
  EXPECT_THAT(heard_, IsEmpty());
}

TEST_F(HubTest, the_end_of_a_connection_is_heard_whoever_ends_it) {
  Hub hub = open();
  std::optional<wire::Channel> agent = connect(hub);
  agent->send(hello(0));
  ASSERT_TRUE(until(hub, {&*agent}, [&] { return heard_.size() == 1; }));
  agent.reset();
  ASSERT_TRUE(until(hub, {}, [&] { return heard_.size() == 2; }));
  EXPECT_FALSE(heard_[1].message);
  EXPECT_FALSE(hub.connected(0));
  agent = connect(hub);
  agent->send(hello(0));
  ASSERT_TRUE(until(hub, {&*agent}, [&] { return heard_.size() == 3; }));
  hub.disconnect(0);
  ASSERT_TRUE(until(hub, {&*agent}, [&] { return heard_.size() == 4 && !alive_; }));
  EXPECT_FALSE(heard_[3].message);
  EXPECT_FALSE(hub.connected(0));
}

// ---- an agent and those that lead it, one after another ----

class AgentLinkTest : public HubTest {
 protected:
  AgentLinkTest()
      : link_(secret_of(1), *files_, clock_, {folder_.path()}, [] {
          return wire::AgentHello{
              .node = 1, .host = "here", .address = "", .epoch = 0, .generation = 0, .ranks = {}};
        }) {}

  void announce(const Hub& hub, std::int64_t epoch) {
    ASSERT_TRUE(write_supervisor(*files_, {folder_.path()}, {hub.address(), epoch, 1}).ok());
  }
  // Half a second of its life. The orders that it would obey come behind `orders_`.
  void live(Hub* hub) {
    for (int i = 0; i < 25; ++i) {
      for (wire::AgentMessage& order : link_.work()) orders_.push_back(std::move(order));
      if (hub != nullptr) {
        for (Hub::Heard& one : hub->work(Seconds::of(0.002))) heard_.push_back(std::move(one));
      }
      clock_.advance(Seconds::of(0.02));
    }
  }

  TemporaryFolder folder_{"agent-link"};
  std::unique_ptr<Files> files_ = local_files();
  AgentLink link_;
  std::vector<wire::AgentMessage> orders_;
};

TEST_F(AgentLinkTest, finds_who_leads_and_says_what_it_kept) {
  link_.say(wire::WorkersCleared{4});
  link_.say(wire::AgentBeat{});  // not kept
  live(nullptr);
  EXPECT_FALSE(link_.connected());
  EXPECT_NEAR(link_.alone().value_or(Seconds::of(0)).in_base(), 0.5, 1e-6);
  Hub hub = open(2);
  announce(hub, 2);
  live(&hub);
  EXPECT_TRUE(link_.connected());
  EXPECT_FALSE(link_.alone());
  ASSERT_EQ(heard_.size(), 2u);  // the hello, and what it kept
  EXPECT_EQ(*heard_[1].message, wire::AgentMessage(wire::WorkersCleared{4}));
  hub.send(1, wire::AgentLook{3});
  live(&hub);
  ASSERT_EQ(orders_.size(), 1u);
  EXPECT_EQ(orders_[0], wire::AgentMessage(wire::AgentLook{3}));
}

// The second was obeyed. The first comes back and says so where one looks, or only when asked, or
// pretends in the file to be another: none of its orders is carried out.
TEST_F(AgentLinkTest, an_older_epoch_is_not_obeyed) {
  {
    Hub second = open(2);
    announce(second, 2);
    live(&second);
    ASSERT_TRUE(link_.connected());
  }
  live(nullptr);
  ASSERT_FALSE(link_.connected());
  Hub first = open(1);
  announce(first, 1);
  heard_.clear();
  live(&first);
  EXPECT_THAT(heard_, IsEmpty());  // it does not even connect
  announce(first, 3);
  for (int i = 0; i < 3; ++i) {
    live(&first);
    first.send(1, wire::HaltWorkers{1, false});
  }
  EXPECT_FALSE(link_.connected());
  EXPECT_THAT(orders_, IsEmpty());
  EXPECT_TRUE(link_.alone());
  Hub third = open(3);
  announce(third, 3);
  live(&third);
  EXPECT_TRUE(link_.connected());
}

// Where the supervisor listened before something else does, which lets us in and is silent. Looked
// for are the next supervisor, at once, and the same one, when 5 s (ten half seconds) are over.
TEST_F(AgentLinkTest, who_listens_in_a_supervisors_place_is_not_waited_for) {
  auto silent = wire::Listener::open(secret_of(2), {"127.0.0.1", 0});
  ASSERT_TRUE(silent.ok());
  ASSERT_TRUE(write_supervisor(*files_, {folder_.path()}, {silent->address(), 1, 1}).ok());
  live(nullptr);
  auto first = silent->accept();
  ASSERT_TRUE(first);
  EXPECT_FALSE(link_.connected());
  for (int i = 0; i < 8; ++i) live(nullptr);
  EXPECT_FALSE(silent->accept());  // it still waits
  for (int i = 0; i < 3; ++i) live(nullptr);
  auto second = silent->accept();
  EXPECT_TRUE(second);
  Hub hub = open(2);
  announce(hub, 2);
  live(&hub);
  EXPECT_TRUE(link_.connected());
}

TEST_F(AgentLinkTest, a_supervisor_with_another_secret_is_not_obeyed) {
  auto other =
      Hub::open(secret_of(2), clock_, {.address = {"127.0.0.1", 0}, .epoch = 9, .nodes_max = 4});
  ASSERT_TRUE(other.ok());
  announce(*other, 9);
  live(&*other);
  EXPECT_FALSE(link_.connected());
  EXPECT_THAT(heard_, IsEmpty());
}

}  // namespace
}  // namespace celere::launch
