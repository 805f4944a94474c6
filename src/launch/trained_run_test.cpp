#include "launch/trained_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace celere::launch {
namespace {

using testing::HasSubstr;

class TrainedRun : public testing::Test {
 protected:
  TrainedRun()
      : runs_(testing::TempDir() + "celere-runs-" + std::to_string(::getpid())),
        files_(storage_->files()) {
    std::filesystem::remove_all(runs_);
  }
  ~TrainedRun() override { std::filesystem::remove_all(runs_); }
  TrainedRun(const TrainedRun&) = delete;
  TrainedRun& operator=(const TrainedRun&) = delete;

  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(files_.make_folder(std::filesystem::path(runs_ + "/" + name).parent_path()).ok());
    ASSERT_TRUE(files_.write(runs_ + "/" + name, text).ok());
  }
  void trained(const std::string& name, const std::string& time) {
    write(name + "/run.toml", "");
    write(name + "/checkpoints/step-000000010/manifest.json", "{}");
    write(name + "/events.jsonl", R"({"time":"2031-01-01T00:00:00.000Z","event":"started"})"
                                  "\n"
                                  R"({"time":")" +
                                      time +
                                      R"(","event":"done"})"
                                      "\n");
  }
  std::string found(const std::string& run) const {
    const auto directory = trained_run(*storage_, run, runs_);
    return directory.ok() ? directory->folder : directory.error().text();
  }

  std::string runs_;
  std::unique_ptr<checkpoint::Storage> storage_ = checkpoint::local_storage();
  Files& files_;
};

TEST_F(TrainedRun, is_by_default_the_one_whose_last_event_is_the_latest) {
  EXPECT_THAT(found(""), HasSubstr("has a checkpoint to ask: celere train RUN makes one"));
  trained("b", "2024-07-22T08:00:00.000Z");
  trained("a", "2024-07-23T08:00:00.000Z");
  trained("c", "2024-07-22T09:00:00.000Z");
  write("z/run.toml", "");  // no checkpoint yet
  write("z/events.jsonl", "{\"time\":\"2025-01-01T00:00:00.000Z\",\"event\":\"started\"}\n");
  EXPECT_EQ(found(""), runs_ + "/a");
}

TEST_F(TrainedRun, of_a_file_is_the_directory_of_its_name) {
  const std::string run =
      "[run]\nname = \"My Run\"\n[model]\nuse = \"grok-1\"\n[train]\ntokens = \"1 M tokens\"\n"
      "sequence = 64\nbatch = \"8 sequences\"\nprecision = \"fp32\"\n"
      "[cluster]\nuse = \"this-machine\"\n";
  write("my.toml", run);
  const std::string file = runs_ + "/my.toml";
  EXPECT_THAT(found(file), HasSubstr("was not trained here yet"));
  trained("my-run", "2024-07-22T08:00:00.000Z");
  EXPECT_EQ(found(file), runs_ + "/my-run");
  EXPECT_EQ(found(runs_ + "/my-run/"), runs_ + "/my-run");
  EXPECT_THAT(found(runs_ + "/nothing"), HasSubstr("no such run file or run directory"));
}

}  // namespace
}  // namespace celere::launch
