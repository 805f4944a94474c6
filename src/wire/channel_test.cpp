#include "wire/channel.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "base/test_folder.hpp"
#include "wire/agent_message.hpp"

namespace celere::wire {
namespace {

Secret secret_of(std::uint8_t byte) {
  std::array<std::uint8_t, secret_bytes> bytes;
  bytes.fill(byte);
  return Secret::of(bytes);
}

// Carries what each side has to send to the other, so many bytes at a time.
Status exchange(Framing& a, Framing& b, std::size_t piece = 65536) {
  while (!a.outgoing().empty() || !b.outgoing().empty()) {
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      const std::string bytes(from->outgoing().substr(0, piece));
      from->sent(bytes.size());
      RETURN_IF_ERROR(to->receive(bytes));
    }
  }
  return Done{};
}

// Whatever the pieces in which bytes arrive, messages come whole and in order.
TEST(Framing, messages_come_as_they_were_said_in_any_pieces) {
  for (const std::size_t piece : {1, 3, 64, 65536}) {
    Framing a(secret_of(1), true), b(secret_of(1), false);
    a.send("early");
    ASSERT_TRUE(exchange(a, b, piece).ok());
    a.send("one");
    a.send("");
    b.send(std::string(100000, 'x'));
    ASSERT_TRUE(exchange(a, b, piece).ok());
    EXPECT_EQ(b.next(), "early");
    EXPECT_EQ(b.next(), "one");
    EXPECT_EQ(b.next(), "");
    EXPECT_EQ(b.next(), std::nullopt);
    EXPECT_EQ(a.next(), std::string(100000, 'x'));
  }
}

TEST(Framing, another_secret_is_not_heard) {
  Framing a(secret_of(1), true), b(secret_of(2), false);
  a.send("obey");
  const Status status = exchange(a, b);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::corrupt);
  EXPECT_EQ(b.next(), std::nullopt);
}

// What was recorded of one connection fits no other one, since the other side's nonce is new; nor
// does it fit the other direction, nor a second time.
TEST(Framing, what_was_said_once_cannot_be_said_again) {
  Framing a(secret_of(1), true), b(secret_of(1), false);
  ASSERT_TRUE(exchange(a, b).ok());
  a.send("start");
  const std::string recorded(a.outgoing());
  Framing c(secret_of(1), true), d(secret_of(1), false);
  ASSERT_TRUE(exchange(c, d).ok());
  EXPECT_FALSE(d.receive(recorded).ok());
  ASSERT_TRUE(b.receive(recorded).ok());
  EXPECT_EQ(b.next(), "start");
  EXPECT_FALSE(b.receive(recorded).ok());
  EXPECT_FALSE(a.receive(recorded).ok());
}

TEST(Framing, a_changed_bit_and_a_giant_length_end_it) {
  Framing a(secret_of(1), true), b(secret_of(1), false);
  ASSERT_TRUE(exchange(a, b).ok());
  a.send("halt");
  std::string bytes(a.outgoing());
  bytes[5] ^= 1;
  EXPECT_FALSE(b.receive(bytes).ok());
  Framing c(secret_of(1), true), d(secret_of(1), false);
  ASSERT_TRUE(exchange(c, d).ok());
  EXPECT_FALSE(d.receive("\xff\xff\xff\xff").ok());
  Framing e(secret_of(1), false);
  EXPECT_FALSE(e.receive("GET / HTTP/1.1").ok());
}

TEST(Secret, is_made_once_and_refused_where_others_may_read_it) {
  const TemporaryFolder folder("secret");
  const std::string path = folder / "secret";
  const auto made = Secret::at(path);
  ASSERT_TRUE(made.ok()) << made.error().text();
  struct stat about{};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  const auto again = Secret::at(path);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(equal(made->seal(true, 0, {}), again->seal(true, 0, {})));
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const auto open = Secret::at(path);
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.error().code, ErrorCode::bad_input);
}

TEST(Channel, two_ends_talk_over_loopback_and_a_stranger_is_dropped) {
  auto listener = Listener::open(secret_of(1), {"127.0.0.1", 0});
  ASSERT_TRUE(listener.ok()) << listener.error().text();
  auto mine = Channel::connect(secret_of(1), listener->address());
  ASSERT_TRUE(mine.ok()) << mine.error().text();
  std::optional<Channel> theirs = listener->accept();
  ASSERT_TRUE(theirs);
  mine->send("hello");
  std::optional<std::string> heard;
  for (int i = 0; i < 1000 && !heard; ++i) {
    ASSERT_TRUE(mine->work().ok());
    ASSERT_TRUE(theirs->work().ok());
    heard = theirs->next();
  }
  EXPECT_EQ(heard, "hello");
  auto stranger = Channel::connect(secret_of(2), listener->address());
  ASSERT_TRUE(stranger.ok());
  std::optional<Channel> end = listener->accept();
  ASSERT_TRUE(end);
  stranger->send("leave");
  bool dropped = false;
  for (int i = 0; i < 1000 && !dropped; ++i) {
    (void)stranger->work();
    dropped = !end->work().ok();
  }
  EXPECT_TRUE(dropped);
  EXPECT_EQ(end->next(), std::nullopt);
  const auto taken = Listener::open(secret_of(1), listener->address());
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::busy);
}

// Each kind is what it was after a way through text, and strangers' texts are refused by key.
TEST(AgentMessage, goes_through_text_and_is_strict) {
  RankBeat beat{.rank = 3,
                .process = 99,
                .step = 7,
                .phase = "computing",
                .phase_time_s = 0.25,
                .collective = InCollective{"replicas", "all_reduce", 12, 4096, 1.5},
                .steps = {{6, 0.1, 0.2}}};
  const std::vector<AgentMessage> all = {
      AgentHello{1, "a \"host\"", "127.0.0.1", 4, 5, {0, 1}},
      AgentBeat{5, {beat, RankBeat{}}},
      WorkerSaid{5, 1, "{\"kind\":\"step\"}"},
      WorkerEnded{5, 1, {}, 9, "killed"},
      WorkersCleared{5},
      RankSeen{5, 1, 77, 6, "stopped", "computing", {}, "frames"},
      AgentLeaving{30},
      AgentWelcome{6},
      StartWorkers{6, {0, 1}, 2, {"train", "--layout", "dp=2"}, true},
      HaltWorkers{6, true},
      TellWorkers{6, {0}, "{}"},
      RenameWorkers{6, 7, {0, 2}, {0, 1}},
      AgentLook{6},
      SignalWorker{6, 1, 19},
      AgentLeave{}};
  for (const AgentMessage& message : all) {
    const auto again = parse_agent_message(written_json(message));
    ASSERT_TRUE(again.ok()) << again.error().text();
    EXPECT_EQ(*again, message) << written_json(message);
  }
  for (const char* text :
       {"", "[]", R"({"kind":"obey"})", R"({"kind":"look"})", R"({"kind":"look","generation":1.5})",
        R"({"kind":"look","generation":1,"more":2})",
        R"({"kind":"beat","generation":1,"ranks":[{}]})",
        R"({"kind":"ended","generation":1,"rank":0,"errors":""})",
        R"({"kind":"ended","generation":1,"rank":0,"code":1,"signal":9,"errors":""})"}) {
    const auto refused = parse_agent_message(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace celere::wire
