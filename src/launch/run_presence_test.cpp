#include "launch/run_presence.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"

namespace celere::launch {
namespace {

class RunPresenceTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(files_->write(secret_, "mine").ok()); }
  TemporaryFolder folder_{"presence"};
  std::string secret_ = folder_ / "secret";
  std::unique_ptr<Files> files_ = local_files();
  ManualClock clock_;
};

// Missing at 1, 2 and 3 s: at the third look it is gone. Back at the second, it never was.
TEST_F(RunPresenceTest, three_looks_in_a_row_decide) {
  RunPresence run(*files_, clock_, {folder_.path()});
  const auto look = [&] {
    clock_.advance(1_s);
    return run.gone();
  };
  ASSERT_TRUE(files_->remove(secret_).ok());
  EXPECT_FALSE(look());
  ASSERT_TRUE(files_->write(secret_, "mine").ok());
  EXPECT_FALSE(look());
  ASSERT_TRUE(files_->write(secret_, "another run's").ok());
  EXPECT_FALSE(look());
  EXPECT_FALSE(look());
  EXPECT_TRUE(look());
}

// Who ends in the second after it went waits for the other two looks; who finds it there, for none.
TEST_F(RunPresenceTest, is_looked_for_at_the_end) {
  RunPresence run(*files_, clock_, {folder_.path()});
  EXPECT_FALSE(run.gone_at_last());
  EXPECT_EQ(clock_.now(), Instant{});
  ASSERT_TRUE(files_->remove(secret_).ok());
  EXPECT_FALSE(run.gone());
  EXPECT_TRUE(run.gone_at_last());
  EXPECT_EQ(clock_.now(), Instant{} + 2_s);
}

}  // namespace
}  // namespace celere::launch
