#include "launch/node_folder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "tokens/hash.hpp"

namespace celere::launch {
namespace {

TEST(NodeFolder, is_named_for_people_and_for_the_whole_path) {
  EXPECT_EQ(
      shared_node_folder("/data/runs/tiny"),
      fmt::format("/dev/shm/celere-{}-tiny-{:016x}", getuid(), tokens::hash64("/data/runs/tiny")));
}

// Each pair is one name where '/' is written as '-', or where only the last name counts.
TEST(NodeFolder, is_of_one_run) {
  const std::set<std::string> folders{
      shared_node_folder("/runs/one-two"), shared_node_folder("/runs-one/two"),
      shared_node_folder("/runs/one/two"), shared_node_folder("/a/two"),
      shared_node_folder("/a/TWO"),        shared_node_folder("/a/two/..")};
  EXPECT_EQ(folders.size(), 6u);
}

TEST(NodeFolder, is_the_same_however_the_path_is_spelled) {
  const std::string here = std::filesystem::current_path().string();
  for (const char* spelled :
       {"runs/x", "./runs/x", "runs/x/", "runs//x", "runs/./x", "runs/y/../x", "runs/x/."}) {
    EXPECT_EQ(shared_node_folder(spelled), shared_node_folder(here + "/runs/x")) << spelled;
  }
}

// A name in a folder has at most 255 bytes (NAME_MAX); the last name here has 250, the path 600.
TEST(NodeFolder, is_short_enough_however_long_the_path_is) {
  const std::string folder =
      shared_node_folder("/" + std::string(348, 'p') + "/" + std::string(250, 'n'));
  EXPECT_LE(std::filesystem::path(folder).filename().string().size(), 255u);
  EXPECT_EQ(std::filesystem::path(folder).parent_path(), "/dev/shm");
}

// What has no last name, or none of its own, has a folder below /dev/shm all the same.
TEST(NodeFolder, is_there_of_the_root_too) {
  for (const char* odd : {"/", ".", ".."}) {
    EXPECT_EQ(std::filesystem::path(shared_node_folder(odd)).parent_path(), "/dev/shm") << odd;
  }
}

}  // namespace
}  // namespace celere::launch
