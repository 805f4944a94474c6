#include "wire/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace celere::wire {
namespace {

using testing::HasSubstr;

TEST(Slug, is_lower_case_with_dashes) {
  EXPECT_EQ(slug("The next Grok, on the new cluster"), "the-next-grok-on-the-new-cluster");
  EXPECT_EQ(slug("  8 x H100 / try #2!"), "8-x-h100-try-2");
  EXPECT_EQ(slug("../../etc"), "etc");
  EXPECT_EQ(slug("Übung 1"), "Übung-1");
  EXPECT_EQ(slug("?!"), "run");
  // 60 letters of two bytes are 120 bytes: cut to 100, which is 50 whole letters.
  std::string long_name, cut;
  for (int i = 0; i < 60; ++i) long_name += "é";
  for (int i = 0; i < 50; ++i) cut += "é";
  EXPECT_EQ(slug(long_name), cut);
  EXPECT_EQ(slug("x" + long_name), "x" + cut.substr(2));  // 1 + 2 x 49: byte 100 is within a letter
}

class RunDirectories : public testing::Test {
 protected:
  std::unique_ptr<Files> files_ = memory_files();
};

TEST_F(RunDirectories, freeze_the_run_file_and_continue_with_the_same) {
  const std::string toml = "[run]\nname = \"My run\"  \n\n# a comment\n[train]\nsequence = 128\n";
  const auto made = make_run_directory(*files_, "runs", "My run", toml);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->folder, "runs/my-run");
  EXPECT_EQ(*files_->read("runs/my-run/run.toml"), toml);
  const auto again =
      make_run_directory(*files_, "runs", "My run",
                         "# why\n[run]\n  name = \"My run\"\r\n[train]\nsequence = 128\n# more");
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(*files_->read("runs/my-run/run.toml"), toml);
}

TEST_F(RunDirectories, refuse_another_run_file_and_say_what_differs) {
  const std::string toml = "[run]\nname = \"My run\"\n[train]\nsequence = 128\n";
  ASSERT_TRUE(make_run_directory(*files_, "runs", "My run", toml).ok());
  const auto other = make_run_directory(*files_, "runs", "My run",
                                        "[run]\nname = \"My run\"\n\n[train]\nsequence = 256\n");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().message,
            "runs/my-run holds a training of another run file:\n"
            "it began with  line 4: sequence = 128\n"
            "and now says   line 5: sequence = 256\n"
            "Give this one another run.name, or remove that folder.");
  const auto longer =
      make_run_directory(*files_, "runs", "My run", toml + "[schedule]\nseed = 2\n");
  ASSERT_FALSE(longer.ok());
  EXPECT_THAT(longer.error().message,
              HasSubstr("it began with  its end\nand now says   line 5: [schedule]"));
}

TEST_F(RunDirectories, are_found_by_folder_or_by_run_file) {
  ASSERT_TRUE(files_->write("x.toml", "[run]").ok());
  ASSERT_TRUE(files_->write("runs/a/run.toml", "[run]").ok());
  ASSERT_TRUE(files_->write("runs/b/other.txt", "").ok());
  EXPECT_EQ(find_run(*files_, "x.toml")->run_file, "x.toml");
  EXPECT_EQ(find_run(*files_, "x.toml")->run_directory, "");
  EXPECT_EQ(find_run(*files_, "runs/a/")->run_file, "runs/a/run.toml");
  EXPECT_EQ(find_run(*files_, "runs/a")->run_directory, "runs/a");
  EXPECT_EQ(find_run(*files_, "none.toml").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_run(*files_, "runs/b").error().message,
            "runs/b: no run directory: it holds no run.toml");
}

// Two processes: while one holds the lock the other is told whose it is; killed, it lets go.
TEST(RunLocks, let_one_trainer_in_and_end_with_its_process) {
  const RunDirectory directory{testing::TempDir() + "celere-lock-" + std::to_string(::getpid())};
  std::filesystem::create_directories(directory.folder);
  {
    const auto lock = RunLock::take(directory);
    ASSERT_TRUE(lock.ok()) << lock.error().text();
    const auto second = RunLock::take(directory);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::busy);
    EXPECT_EQ(second.error().message, directory.folder + ": process " + std::to_string(::getpid()) +
                                          " trains here already");
  }
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto held = RunLock::take(directory);
    const char answer = held.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) == 1) ::pause();
    std::quick_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_THAT(RunLock::take(directory).error().message,
              HasSubstr("process " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(RunLock::take(directory).ok());
  ::close(ready[0]);
  ::close(ready[1]);
  std::filesystem::remove_all(directory.folder);
}

}  // namespace
}  // namespace celere::wire
