#include "launch/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/test_folder.hpp"

namespace celere::launch {
namespace {

using testing::SizeIs;
using testing::StartsWith;

TEST(Journal, tells_the_file_and_who_shows_it) {
  const TemporaryFolder folder("journal");
  const auto files = local_files();
  const ManualClock clock(Instant{1'500'000'000});
  std::vector<std::string> said;
  auto journal = Journal::open(clock, folder / "events.jsonl",
                               [&](const std::string& line) { said.push_back(line); });
  ASSERT_TRUE(journal.ok());
  journal->tell("node_gone", {{"node", std::int64_t{3}}, {"why", std::string("it is")}}, true);
  for (std::int64_t i = 0; i < 40; ++i) journal->tell("tick", {{"number", i}});
  const auto events = wire::read_events(*files, folder / "events.jsonl");
  ASSERT_TRUE(events.ok());
  ASSERT_THAT(*events, SizeIs(41));
  EXPECT_EQ(events->front().time, "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(number_of(events->front(), "node"), 3);
  EXPECT_EQ(text_of(events->front(), "why"), "it is");
  ASSERT_THAT(said, SizeIs(41));
  EXPECT_THAT(said.front(), StartsWith(R"({"kind":"event","time":"1970-01-01T00:00:01.500Z",)"));
  ASSERT_THAT(journal->last(), SizeIs(16));
  EXPECT_EQ(journal->last().back(), events->back());
}

TEST(Journal, a_field_of_another_type_or_name_is_none) {
  const wire::Event event{"", "x", {{"node", std::int64_t{3}}, {"why", std::string("it is")}}};
  EXPECT_EQ(text_of(event, "node"), "");
  EXPECT_EQ(text_of(event, "wherefore"), "");
  EXPECT_EQ(number_of(event, "why"), std::nullopt);
  EXPECT_EQ(number_of(event, "number"), std::nullopt);
}

// A file that may not grow is like a full disk. A training does not stop for it: it is told once,
// to who shows it.
TEST(Journal, says_once_that_it_cannot_be_written) {
  const TemporaryFolder folder("journal-full");
  const ManualClock clock;
  std::vector<std::string> said;
  auto journal = Journal::open(clock, folder / "events.jsonl",
                               [&](const std::string& line) { said.push_back(line); });
  ASSERT_TRUE(journal.ok()) << journal.error().text();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  journal->tell("one", {});
  journal->tell("two", {}, true);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  const auto failed = std::count_if(said.begin(), said.end(), [](const std::string& line) {
    return line.find("log_failed") != std::string::npos;
  });
  EXPECT_EQ(failed, 1);
  EXPECT_THAT(said, SizeIs(3));
}

TEST(Journal, a_folder_that_is_not_there_is_an_error) {
  const ManualClock clock;
  EXPECT_FALSE(Journal::open(clock, "/nowhere/events.jsonl", [](const std::string&) {}).ok());
}

}  // namespace
}  // namespace celere::launch
