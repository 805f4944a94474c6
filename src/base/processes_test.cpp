// With real children: /bin/sh is the oracle.
#include "base/processes.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>

#include "base/files.hpp"

namespace celere {
namespace {

Command shell(const std::string& script) {
  Command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", script};
  command.output.kind = command.errors.kind = Output::Kind::capture;
  return command;
}

std::unique_ptr<Process> started(const Command& command) {
  auto process = local_processes()->start(command);
  EXPECT_TRUE(process.ok()) << (process.ok() ? "" : process.error().text());
  return std::move(process).value();
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// Field 5 of /proc/PID/stat is the process group [proc(5)].
TEST(Processes, in_the_foreground_share_our_group_and_our_input) {
  const auto told = [](bool foreground) {
    Command command = shell("cut -d' ' -f5 /proc/$$/stat; readlink /proc/$$/fd/0");
    command.foreground = foreground;
    const auto process = started(command);
    EXPECT_TRUE(process->wait(10_s)->fine());
    return std::pair(process->captured_output(), process->id());
  };
  const auto [ours, our_id] = told(true);
  EXPECT_EQ(ours, std::to_string(getpgrp()) + "\n" +
                      std::filesystem::read_symlink("/proc/self/fd/0").string() + "\n");
  const auto [own, own_id] = told(false);
  EXPECT_EQ(own, std::to_string(own_id) + "\n/dev/null\n");
}

// kill(-id) would reach nobody: the process leads no group.
TEST(Processes, in_the_foreground_are_stopped_alone) {
  Command command = shell("sleep 100");
  command.foreground = true;
  const auto process = started(command);
  process->send_to_group(SIGTERM);
  EXPECT_EQ(process->wait(10_s), (Ending{.code = {}, .signal = SIGTERM}));
}

TEST(Processes, tell_an_exit_code_from_a_signal) {
  EXPECT_EQ(started(shell("exit 3"))->wait(10_s), (Ending{.code = 3, .signal = {}}));
  const auto killed = started(shell("kill -9 $$"))->wait(10_s);
  ASSERT_TRUE(killed);
  EXPECT_EQ(*killed, (Ending{.code = {}, .signal = SIGKILL}));
  EXPECT_EQ(written(*killed), "killed by signal 9 (KILL)");
}

TEST(Processes, capture_both_streams_apart) {
  const auto process = started(shell("echo out; echo err >&2"));
  ASSERT_TRUE(process->wait(10_s));
  EXPECT_EQ(process->captured_output(), "out\n");
  EXPECT_EQ(process->captured_errors(), "err\n");
}

// A pipe holds 64 KiB: a child that writes a megabyte ends only if someone reads.
TEST(Processes, captured_output_may_be_longer_than_a_pipe) {
  const auto process = started(shell("head -c 1000000 /dev/zero"));
  ASSERT_TRUE(process->wait(10_s));
  EXPECT_EQ(process->captured_output().size(), 1000000u);
}

TEST(Processes, a_missing_program_or_folder_is_an_error_with_its_name) {
  Command command;
  command.program = "/no/such/program";
  const auto missing = local_processes()->start(command);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_NE(missing.error().message.find("/no/such/program"), std::string::npos);
  Command nowhere = shell("true");
  nowhere.folder = "/no/such/folder";
  EXPECT_FALSE(local_processes()->start(nowhere).ok());
  Command unwritable = shell("true");
  unwritable.output = {.kind = Output::Kind::file, .path = "/no/such/folder/log"};
  EXPECT_FALSE(local_processes()->start(unwritable).ok());
}

TEST(Processes, a_deadline_passes_and_the_process_goes_on) {
  const auto process = started(shell("sleep 30"));
  EXPECT_FALSE(process->wait(0.05_s));
  EXPECT_FALSE(process->ending());
  process->send(SIGTERM);
  EXPECT_EQ(process->wait(10_s), (Ending{.code = {}, .signal = SIGTERM}));
}

// The shell starts a grandchild, tells its number and waits; killing the group takes both.
TEST(Processes, killing_the_group_takes_grandchildren) {
  const auto process = started(shell("sleep 60 & echo $!; wait"));
  while (process->captured_output().empty()) process->wait(0.01_s);
  int grandchild = 0;
  const std::string& number = process->captured_output();
  std::from_chars(number.data(), number.data() + number.size(), grandchild);
  ASSERT_GT(grandchild, 0);
  EXPECT_EQ(kill(grandchild, 0), 0);
  process->send_to_group(SIGKILL);
  ASSERT_TRUE(process->wait(10_s));
  // It is init's child now, and goes as soon as that has looked.
  for (int i = 0; i < 1000 && kill(grandchild, 0) == 0; ++i) {
    std::ifstream status("/proc/" + std::to_string(grandchild) + "/stat");
    std::string id, name, state;
    status >> id >> name >> state;
    if (state == "Z") break;
    usleep(1000);
  }
  std::ifstream status("/proc/" + std::to_string(grandchild) + "/stat");
  std::string id, name, state;
  status >> id >> name >> state;
  EXPECT_TRUE(state.empty() || state == "Z") << state;
}

TEST(Processes, see_their_folder_and_environment_and_no_descriptor_of_ours) {
  Command command = shell("pwd; echo $CELERE_TEST; ls /proc/self/fd | wc -l");
  command.folder = "/usr";
  command.environment = {"CELERE_TEST=yes"};
  const auto process = started(command);
  ASSERT_TRUE(process->wait(10_s));
  // Three streams, and the folder that ls reads.
  EXPECT_EQ(process->captured_output(), "/usr\nyes\n4\n");
}

TEST(Processes, leave_no_descriptor_and_no_child_behind) {
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 20; ++i) started(shell("exit 0"))->wait(10_s);
  {
    const auto forgotten = started(shell("sleep 60"));
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Processes, append_to_a_file) {
  const std::string path = testing::TempDir() + "/celere-processes-test.log";
  std::filesystem::remove(path);
  for (int i = 0; i < 2; ++i) {
    Command command = shell("echo line");
    command.output = {.kind = Output::Kind::file, .path = path};
    ASSERT_TRUE(started(command)->wait(10_s));
  }
  EXPECT_EQ(*local_files()->read(path), "line\nline\n");
}

// These tests lie in their folder under the name base_test.
TEST(OwnProgram, is_found_beside_itself) {
  EXPECT_EQ(beside_own_program("base_test"), own_program());
}

}  // namespace
}  // namespace celere
