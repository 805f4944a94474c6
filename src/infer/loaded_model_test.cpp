// Run directories made here, with checkpoints that checkpoint::CheckpointWriter wrote.
#include "infer/loaded_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/writer.hpp"
#include "infer/test_support.hpp"
#include "nn/stored.hpp"

namespace celere::infer {
namespace {

using testing::HasSubstr;

// The model of test_support.hpp, as a run file writes it.
std::string run_file(const std::string& hidden = "48", const std::string& vocabulary = "384") {
  return "[run]\nname = \"small\"\n[model]\nlayers = 2\nhidden = " + hidden +
         "\nffn = 96\nvocab = " + vocabulary +
         "\ncontext = 96\nbigram_embeddings = 128\n"
         "attention = { heads = 4, kv_heads = 2, head_dim = 12 }\n"
         "[train]\ntokens = \"1 M tokens\"\nsequence = 64\nbatch = \"8 sequences\"\n"
         "precision = \"fp32\"\n[cluster]\nuse = \"this-machine\"\n";
}

class Loading : public testing::Test {
 protected:
  Loading() {
    write("run.toml", run_file());
    test_tokenizer(*files_, directory_.tokenizer());
  }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(files_->write(folder_ / name, text).ok());
  }
  void save(const SmallModel& model, std::initializer_list<std::int64_t> steps) {
    checkpoint::WriterOptions options;
    options.folder = directory_.checkpoints();
    auto writer = checkpoint::CheckpointWriter::open(options, clock_, *storage_);
    ASSERT_TRUE(writer.ok()) << writer.error().text();
    for (const std::int64_t step : steps) {
      ASSERT_TRUE((*writer)->save(step, nn::stored_views(model.parameters, nullptr), {}).ok());
      ASSERT_FALSE((*writer)->wait()->failed);
    }
  }
  Result<LoadedModel> load(const std::string& checkpoint = "") const {
    return load_model(*storage_, catalog_, {.directory = directory_, .checkpoint = checkpoint});
  }
  std::string error(const std::string& checkpoint = "") const {
    const auto loaded = load(checkpoint);
    return loaded.ok() ? "" : loaded.error().text();
  }

  TemporaryFolder folder_{"run"};
  wire::RunDirectory directory_{folder_.path()};
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<checkpoint::Storage> storage_ = checkpoint::local_storage();
  spec::Catalog catalog_{*files_, {}};
  SystemClock clock_;
};

TEST_F(Loading, answers_as_the_model_that_was_saved) {
  const SmallModel model(60);
  save(model, {40});
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(loaded->step, 40);
  EXPECT_TRUE(loaded->refused.empty());
  EXPECT_TRUE(at::equal(loaded->parameters->copied_values(), model.parameters.copied_values()));
  for (const auto& [question, expected] : test_questions()) {
    EXPECT_EQ(loaded->generator(clock_).answer(question, {}, nullptr)->text, expected);
  }
}

TEST_F(Loading, takes_the_newest_good_one_or_the_one_that_is_named) {
  save(SmallModel(), {10, 20, 30});
  const std::string newest = load()->checkpoint;
  EXPECT_EQ(newest, directory_.checkpoints() + "/step-000000030");
  for (const char* name : {"20", "step-20", "step-000000020"}) EXPECT_EQ(load(name)->step, 20);
  EXPECT_EQ(load(directory_.checkpoints() + "/step-000000010/")->step, 10);

  // A byte of the newest flips: it is passed over, and told; named, it is refused.
  const std::string shard = newest + "/" + files_->list(newest).back();
  ASSERT_THAT(shard, testing::EndsWith(".safetensors"));
  std::string bytes = *files_->read(shard);
  bytes[bytes.size() - 5] ^= 1;
  ASSERT_TRUE(files_->write(shard, bytes).ok());
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(loaded->step, 20);
  ASSERT_EQ(loaded->refused.size(), 1u);
  EXPECT_EQ(loaded->refused[0].which.step, 30);
  EXPECT_FALSE(load("30").ok());
}

TEST_F(Loading, says_what_is_missing) {
  EXPECT_THAT(error(), HasSubstr("holds no checkpoint yet"));
  save(SmallModel(), {10, 20});
  EXPECT_THAT(error("15"), HasSubstr("has those of the steps 20, 10"));
  ASSERT_TRUE(files_->remove(directory_.tokenizer() + "/tokenizer.json").ok());
  EXPECT_THAT(error(), HasSubstr(directory_.tokenizer()));
  std::filesystem::remove_all(directory_.tokenizer());
  EXPECT_THAT(error(), HasSubstr("there is no tokenizer"));
  ASSERT_TRUE(files_->remove(directory_.run_file()).ok());
  EXPECT_THAT(error(), HasSubstr("run.toml"));
}

TEST_F(Loading, refuses_a_checkpoint_of_another_shape_by_name) {
  save(SmallModel(), {10});
  write("run.toml", run_file("60"));
  EXPECT_THAT(error(), HasSubstr("layers.0.attention.wq"));
  write("run.toml", run_file("48", "100"));
  EXPECT_THAT(error(), HasSubstr("tokens, the model 100"));
}

}  // namespace
}  // namespace celere::infer
