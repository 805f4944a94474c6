// What the tests of this folder share: a small model with its tokenizer, random or trained.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/test_folder.hpp"
#include "infer/generate.hpp"
#include "nn/decoder.hpp"
#include "tokens/dataset.hpp"

namespace celere::infer {

// Each look at it is a second later than the one before.
class TickingClock final : public Clock {
 public:
  Instant now() const override { return {++looks_ * 1'000'000'000}; }
  Instant wall() const override { return {}; }
  void sleep(Seconds /*time*/) override {}

 private:
  mutable std::int64_t looks_ = 0;
};

const std::vector<tokens::QuestionAnswer>& test_questions();

// Rows of the vocabulary: more than the tokenizer has tokens.
inline constexpr int test_vocabulary = 384;
spec::Model test_model();
// Saved in `folder`.
tokens::Tokenizer test_tokenizer(Files& files, const std::string& folder);

struct SmallModel {
  // Random weights; `steps` of training on the test questions make it know them.
  explicit SmallModel(int steps = 0, const spec::Model& model = test_model());

  TemporaryFolder folder{"tokenizer"};
  std::unique_ptr<Files> files = local_files();
  tokens::Tokenizer tokenizer;
  nn::Parameters parameters;
  nn::Decoder decoder;
  TickingClock clock;
  Generator generator{decoder, tokenizer, clock};
};

}  // namespace celere::infer
