#include "launch/munge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/files.hpp"
#include "base/processes.hpp"
#include "base/test_folder.hpp"

namespace celere::launch {
namespace {

// A real munged, of this test alone. Skipped where MUNGE is not installed.
class MungeTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto munge = Munge::open();
    if (!munge.ok() || !files_->exists(program_)) GTEST_SKIP() << "there is no MUNGE here";
    first_ = start("first", std::string(64, 'k'));
  }

  // Its socket is below `name`.
  std::unique_ptr<Process> start(const std::string& name, const std::string& key) {
    const std::string folder = folder_ / name;
    EXPECT_TRUE(files_->make_folder(folder).ok());
    EXPECT_TRUE(files_->write(folder + "/key", key).ok());
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    std::filesystem::permissions(folder + "/key", std::filesystem::perms(0400));
    Command command;
    command.program = program_;
    command.arguments = {"--foreground",
                         "--key-file=" + folder + "/key",
                         "--socket=" + socket(name),
                         "--pid-file=" + folder + "/pid",
                         "--seed-file=" + folder + "/seed",
                         "--origin=127.0.0.1",
                         "--num-threads=1"};
    command.output.kind = command.errors.kind = Output::Kind::capture;
    auto process = processes_->start(command);
    EXPECT_TRUE(process.ok());
    for (int i = 0; i < 100 && !files_->exists(socket(name)); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(files_->exists(socket(name))) << (*process)->captured_errors();
    return *std::move(process);
  }
  std::string socket(const std::string& name) const { return folder_ / (name + "/socket"); }
  Munge of(const std::string& name) const { return *Munge::open(socket(name)); }

  const std::string program_ = "/usr/sbin/munged";
  TemporaryFolder folder_{"munge"};
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<Processes> processes_ = local_processes();
  std::unique_ptr<Process> first_;
};

TEST_F(MungeTest, a_credential_says_what_and_who_once) {
  const Munge munge = of("first");
  const std::string payload("restart\0all", 11);
  const auto credential = munge.encode(payload, ::getuid());
  ASSERT_TRUE(credential.ok()) << credential.error().text();
  const auto message = munge.decode(*credential);
  ASSERT_TRUE(message.ok()) << message.error().text();
  EXPECT_EQ(message->payload, payload);
  EXPECT_EQ(message->user, ::getuid());
  const auto again = munge.decode(*credential);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::corrupt);
  EXPECT_THAT(again.error().text(), testing::HasSubstr("Replayed"));
}

TEST_F(MungeTest, another_reader_cannot_read_it) {
  const Munge munge = of("first");
  const auto credential = munge.encode("restart", ::getuid() + 1);
  ASSERT_TRUE(credential.ok());
  const auto message = munge.decode(*credential);
  ASSERT_FALSE(message.ok());
  EXPECT_EQ(message.error().code, ErrorCode::corrupt);
}

// Every letter of the middle of a credential, changed, makes it no credential; so does the key of
// another cluster.
TEST_F(MungeTest, what_is_forged_is_refused) {
  const Munge munge = of("first");
  const auto credential = munge.encode("restart", ::getuid());
  ASSERT_TRUE(credential.ok());
  for (std::size_t at = 10; at < credential->size() - 6; at += 7) {
    std::string forged = *credential;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(munge.decode(forged).ok()) << at;
  }
  EXPECT_FALSE(munge.decode("").ok());
  const auto second = start("second", std::string(64, 'o'));
  EXPECT_FALSE(of("second").decode(*credential).ok());
  EXPECT_TRUE(munge.decode(*credential).ok());
}

TEST_F(MungeTest, without_a_daemon_it_says_so) {
  const auto munge = Munge::open("/nowhere/socket");
  ASSERT_TRUE(munge.ok());
  const auto credential = munge->encode("restart", 0);
  ASSERT_FALSE(credential.ok());
  EXPECT_EQ(credential.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace celere::launch
