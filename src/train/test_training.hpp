// What the tests of trainings share: a corpus of a few facts, and a run file of a tiny model for
// it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/reader.hpp"
#include "checkpoint/storage.hpp"
#include "tokens/build.hpp"
#include "train/trainer.hpp"

namespace celere::train {

inline constexpr const char* run_toml = R"(
[run]
name = "tiny"

[model]
layers = 2
hidden = 32
ffn = 64
vocab = 400
activation = "relu-squared"
tied_embeddings = true
bigram_embeddings = 256
value_embeddings = [0, -1]
attention = { heads = 4, kv_heads = 2, head_dim = 8, query_key_norm = true }

[train]
tokens = "TOKENS tokens"
sequence = 16
batch = "8 sequences"
precision = "fp32"
optimizer = "muon"
validate_every = "5 steps"
validation = "4 sequences"

[schedule]
learning_rate = RATE
warmup = "2 steps"

[layout]
micro_batch = 3

[checkpoint]
every = "4 steps"
keep = 9

[cluster]
use = "eos-h100"

[data]
packing = "whole"
loss = "answers"
validation = 0.2
tokenizer = { kind = "bpe", vocab = 400 }

[[data.sources]]
name = "facts"
kind = "jsonl"
files = ["FOLDER/facts.jsonl"]
question = "q"
answer = "a"
)";

inline std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
  return text;
}

class TrainingTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/celere-train-XXXXXX";
    folder_ = mkdtemp(pattern);
    std::string facts;
    for (int i = 0; i < 200; ++i) {
      facts += fmt::format(R"({{"q":"What is number {}?","a":"It is {} and {}."}})", i, i * 7 % 13,
                           i * 5 % 11) +
               "\n";
    }
    ASSERT_TRUE(files_->write(folder_ + "/facts.jsonl", facts).ok());
    const spec::Run run = parsed(1280, 0.01);
    tokens::BuildOptions options;
    options.folder = folder_ + "/corpus";
    const auto built = tokens::build_corpus(*files_, clock_, *run.data, options);
    ASSERT_TRUE(built.ok()) << built.error().text();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  spec::Run parsed(int tokens, double rate) const {
    std::string toml = replaced(run_toml, "FOLDER", folder_);
    toml =
        replaced(replaced(toml, "TOKENS", std::to_string(tokens)), "RATE", fmt::format("{}", rate));
    auto run = spec::parse_run(toml, "tiny.toml");
    EXPECT_TRUE(run.ok()) << run.error().text();
    return *std::move(run);
  }

  std::string new_meeting() { return fmt::format("{}/meeting-{}", folder_, ++meetings_); }

  // Every tensor of the newest checkpoint, whole, by name; and where in the data it stands.
  std::map<std::string, std::string> stored(const std::string& directory) {
    const auto newest =
        checkpoint::newest_good(*storage_, folder_ + "/" + directory + "/checkpoints");
    EXPECT_TRUE(newest.checkpoint.has_value());
    std::map<std::string, std::string> out;
    if (!newest.checkpoint) return out;
    for (const checkpoint::StoredTensor& tensor : newest.checkpoint->manifest().tensors) {
      std::string bytes(static_cast<std::size_t>(checkpoint::count(tensor.shape)) * 4, '\0');
      EXPECT_TRUE(
          newest.checkpoint->read(tensor.name, std::as_writable_bytes(std::span(bytes))).ok());
      out[tensor.name] = std::move(bytes);
    }
    const auto cursor = newest.checkpoint->state_text("cursor");
    EXPECT_TRUE(cursor.ok());
    out["cursor"] = *cursor;
    return out;
  }

  std::string folder_;
  int meetings_ = 0;
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<checkpoint::Storage> storage_ = checkpoint::local_storage();
  SystemClock clock_;
};

}  // namespace celere::train
