// Every test runs on the real files and on those in memory: they must not be told apart.
#include "base/files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace celere {
namespace {

class EachFiles : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    files_ = GetParam() ? local_files() : memory_files();
    folder_ = testing::TempDir() + "celere-files-" + std::to_string(::getpid());
    ASSERT_TRUE(files_->make_folder(folder_ + "/deep/er").ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Files> files_;
  std::string folder_;
};

TEST_P(EachFiles, what_is_written_is_read) {
  const std::string path = folder_ + "/a.txt";
  EXPECT_FALSE(files_->exists(path));
  ASSERT_TRUE(files_->write(path, "one").ok());
  ASSERT_TRUE(files_->write(path, "two").ok());
  ASSERT_TRUE(files_->append(path, " three").ok());
  EXPECT_TRUE(files_->exists(path));
  EXPECT_EQ(*files_->read(path), "two three");
}

TEST_P(EachFiles, bytes_of_any_kind_survive) {
  std::string content(100'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 131);
  ASSERT_TRUE(files_->write(folder_ + "/b", content).ok());
  EXPECT_EQ(*files_->read(folder_ + "/b"), content);
}

// Nothing is left beside a file that was written: the part was renamed.
TEST_P(EachFiles, a_folder_lists_its_names_sorted) {
  ASSERT_TRUE(files_->write(folder_ + "/deep/z", "").ok());
  ASSERT_TRUE(files_->write(folder_ + "/deep/er/y", "").ok());
  ASSERT_TRUE(files_->write(folder_ + "/deep/a", "").ok());
  EXPECT_EQ(files_->list(folder_ + "/deep"), (std::vector<std::string>{"a", "er", "z"}));
  EXPECT_TRUE(files_->list(folder_ + "/none").empty());
}

TEST_P(EachFiles, what_is_not_there_is_not_found) {
  const Result<std::string> content = files_->read(folder_ + "/none");
  ASSERT_FALSE(content.ok());
  EXPECT_EQ(content.error().code, ErrorCode::not_found);
  EXPECT_EQ(content.error().message, "cannot read " + folder_ + "/none: No such file or directory");
}

TEST_P(EachFiles, removing_twice_is_fine) {
  ASSERT_TRUE(files_->write(folder_ + "/c", "x").ok());
  EXPECT_TRUE(files_->remove(folder_ + "/c").ok());
  EXPECT_TRUE(files_->remove(folder_ + "/c").ok());
  EXPECT_FALSE(files_->exists(folder_ + "/c"));
}

INSTANTIATE_TEST_SUITE_P(LocalAndInMemory, EachFiles, testing::Bool());

}  // namespace
}  // namespace celere
