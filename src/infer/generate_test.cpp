#include "infer/generate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "infer/test_support.hpp"

namespace celere::infer {
namespace {

using testing::HasSubstr;

// Logits behind each token of a sequence, without a cache.
at::Tensor whole_logits(const SmallModel& model, std::vector<std::int32_t> tokens) {
  const at::NoGradGuard quiet;
  tokens.push_back(0);  // a target that nothing looks at
  return model.decoder.logits(nn::plain_batch(at::tensor(tokens, at::kLong).unsqueeze(0),
                                              model.decoder.model().bigram_embeddings));
}

// The slow twin: each token is the likeliest behind the whole sequence before it.
TEST(Generate, greedy_is_the_likeliest_token_of_whole_sequences) {
  const SmallModel model;
  std::vector<std::int32_t> tokens = model.tokenizer.chat_prompt("What is a dog?");
  const std::size_t prompt = tokens.size();
  const auto answer = model.generator.continued(tokens, {.tokens_max = 20}, nullptr);
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  ASSERT_EQ(answer->tokens.size(), 20u);
  tokens.insert(tokens.end(), answer->tokens.begin(), answer->tokens.end());
  const at::Tensor likeliest =
      whole_logits(model, tokens).narrow(1, 0, model.tokenizer.vocabulary()).argmax(1);
  for (std::size_t i = prompt; i < tokens.size(); ++i) {
    EXPECT_EQ(likeliest[static_cast<std::int64_t>(i) - 1].item<std::int64_t>(), tokens[i]) << i;
  }
}

// Rows of the vocabulary without a token are padding, however likely.
TEST(Generate, picks_no_token_that_the_tokenizer_lacks) {
  SmallModel model;
  ASSERT_LT(model.tokenizer.vocabulary(), test_vocabulary);
  at::Tensor head = model.parameters["head"].value.detach();
  head.narrow(0, model.tokenizer.vocabulary(), test_vocabulary - model.tokenizer.vocabulary())
      .mul_(100);
  const auto answer = model.generator.answer("What is a dog?", {.tokens_max = 20}, nullptr);
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  for (const std::int32_t token : answer->tokens) EXPECT_LT(token, model.tokenizer.vocabulary());
}

// With each seed the first token is one draw from the exact probabilities; of 1,500 draws a token
// of probability p comes 1,500 p times, give or take four standard deviations.
TEST(Generate, draws_from_the_probabilities_of_the_model) {
  constexpr int draws = 1500;
  const SmallModel model;
  const std::vector<std::int32_t> prompt = model.tokenizer.chat_prompt("What is a dog?");
  const at::Tensor probabilities =
      whole_logits(model, prompt)[static_cast<std::int64_t>(prompt.size()) - 1]
          .narrow(0, 0, model.tokenizer.vocabulary())
          .to(at::kDouble)
          .softmax(0);
  std::map<std::int32_t, int> count;
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    const GenerateOptions options{.sampling = {.temperature = 1, .seed = seed}, .tokens_max = 1};
    const auto answer = model.generator.continued(prompt, options, nullptr);
    ASSERT_TRUE(answer.ok());
    if (!answer->tokens.empty()) ++count[answer->tokens.front()];
  }
  int likely = 0;
  for (std::int32_t token = 0; token < model.tokenizer.vocabulary(); ++token) {
    const double p = probabilities[token].item<double>();
    if (p < 0.01 || model.tokenizer.is_special(token)) continue;
    ++likely;
    EXPECT_NEAR(count[token], draws * p, 4 * std::sqrt(draws * p * (1 - p))) << token;
  }
  EXPECT_GE(likely, 10);
}

TEST(Generate, same_seed_same_text) {
  const SmallModel model;
  const auto text = [&](std::uint64_t seed) {
    const GenerateOptions options{.sampling = {.temperature = 1, .seed = seed}, .tokens_max = 30};
    return model.generator.answer("What is a dog?", options, nullptr)->text;
  };
  EXPECT_EQ(text(5), text(5));
  EXPECT_NE(text(5), text(6));
}

// A random model says bytes that begin no character, so pieces are held back and mended.
TEST(Generate, pieces_together_are_the_text_of_all_tokens) {
  const SmallModel model;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::string pieces;
    const auto answer = model.generator.answer(
        "What is a café?", {.sampling = {.temperature = 1.5, .seed = seed}, .tokens_max = 40},
        [&](std::string_view piece) {
          pieces += piece;
          return true;
        });
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(pieces, answer->text);
    EXPECT_EQ(pieces, model.tokenizer.decode(answer->tokens));
  }
}

TEST(Generate, ends_where_the_model_says_so) {
  const SmallModel model(60);
  for (const auto& [question, expected] : test_questions()) {
    const auto answer = model.generator.answer(question, {}, nullptr);
    ASSERT_TRUE(answer.ok()) << answer.error().text();
    EXPECT_EQ(answer->text, expected);
    EXPECT_EQ(answer->stop, Stop::end);
    EXPECT_EQ(answer->picked, static_cast<std::int64_t>(answer->tokens.size()) + 1);
  }
}

// The clock is looked at once at the beginning and once a token: the first token comes after one
// second, five after five, so one a second.
TEST(Generate, counts_tokens_and_time) {
  const SmallModel model;
  const auto answer = model.generator.answer("What is a dog?", {.tokens_max = 5}, nullptr);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->stop, Stop::tokens_max);
  EXPECT_EQ(answer->picked, 5);
  EXPECT_EQ(answer->prompt_tokens,
            static_cast<std::int64_t>(model.tokenizer.chat_prompt("What is a dog?").size()));
  EXPECT_DOUBLE_EQ(answer->first_token_time.in_base(), 1);
  EXPECT_DOUBLE_EQ(answer->time.in_base(), 5);
  EXPECT_DOUBLE_EQ(answer->tokens_per_s(), 1);
}

TEST(Generate, stops_when_it_is_told_and_at_the_end_of_the_context) {
  const SmallModel model;
  int heard = 0;
  const auto stopped =
      model.generator.answer("What is a dog?", {}, [&](std::string_view) { return ++heard < 3; });
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->stop, Stop::stopped);
  EXPECT_EQ(stopped->tokens.size(), 3u);

  const auto filled = model.generator.answer("What is a dog?", {.tokens_max = 1000}, nullptr);
  ASSERT_TRUE(filled.ok());
  EXPECT_EQ(filled->stop, Stop::context);
  EXPECT_EQ(filled->prompt_tokens + filled->picked, test_model().context);
}

TEST(Generate, refuses_what_cannot_be_asked) {
  const SmallModel model;
  const auto error = [&](const std::string& question) {
    const auto answer = model.generator.answer(question, {}, nullptr);
    return answer.ok() ? "" : answer.error().message;
  };
  EXPECT_THAT(error("  \n"), HasSubstr("empty"));
  EXPECT_THAT(error("What is a caf\xE9?"), HasSubstr("not UTF-8"));
  std::string longest;
  while (model.tokenizer.chat_prompt(longest + "?").size() <= 95) longest += "?";
  EXPECT_EQ(model.tokenizer.chat_prompt(longest).size(), 95u);
  EXPECT_EQ(error(longest), "");  // room for one token
  EXPECT_THAT(error(longest + "?"), HasSubstr("takes 96 tokens"));
}

}  // namespace
}  // namespace celere::infer
