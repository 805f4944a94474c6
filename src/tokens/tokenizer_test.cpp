#include "tokens/tokenizer.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tokens/test_support.hpp"
#include "tokens/tokenizer_files.hpp"
#include "tokens/unicode.hpp"

namespace celere::tokens {
namespace {

class WithTokenizer : public testing::TestWithParam<TrainerOptions::Kind> {
 protected:
  WithTokenizer()
      : folder_("tokenizer"),
        tokenizer_(small_tokenizer(folder_.path(), {.kind = GetParam(), .vocabulary = 400})) {}
  TemporaryFolder folder_;
  Tokenizer tokenizer_;
};

const std::vector<std::string>& hard_texts() {
  static const std::vector<std::string> texts = {
      "",
      "a",
      " a",
      "  two  spaces ",
      "line\nline\n\n  indented\n",
      "tab\tand\r\nreturn",
      "<|end|> is no token in a text, nor is <|user|>",
      "日本語の文 with Ελληνικά and 🎻🎻",
      "e\u0301 is not \u00e9",
      std::string(20000, 'x'),
      std::string(20000, ' '),
      "日" + std::string(16383, 'y') + "本" + random_text(5, 9000)};
  return texts;
}

TEST_P(WithTokenizer, text_comes_back_as_it_was) {
  for (const std::string& text : hard_texts()) {
    const std::vector<std::int32_t> ids = tokenizer_.encode(text);
    EXPECT_EQ(tokenizer_.decode(ids), text);
    for (const std::int32_t id : ids) {
      EXPECT_TRUE(id >= 0 && id < tokenizer_.vocabulary() && !tokenizer_.is_special(id));
    }
  }
}

// Random bytes made valid, 200 texts: seeds are in the message.
TEST_P(WithTokenizer, random_text_comes_back_as_it_was) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Prng random(seed, 1);
    std::string text;
    for (int i = 0; i < 40; ++i) {
      static constexpr const char* pieces[] = {" ", "\n", "a", "ba", "é", "日", "🎻", "\t", "x y"};
      text += pieces[random.below(9)];
    }
    EXPECT_EQ(tokenizer_.decode(tokenizer_.encode(text)), text) << "seed " << seed;
  }
}

// The slow twin of the encoder that remembers words is sentencepiece on the whole text.
TEST_P(WithTokenizer, encoder_with_memory_equals_the_one_without) {
  Encoder encoder(tokenizer_);
  std::vector<std::string> texts = hard_texts();
  for (std::uint64_t seed = 0; seed < 30; ++seed) texts.push_back(random_text(seed, 300));
  for (const std::string& text : texts) {
    std::vector<std::int32_t> ids = {-1};
    encoder.encode(text, ids);
    std::vector<std::int32_t> expected = tokenizer_.encode(text);
    expected.insert(expected.begin(), -1);
    EXPECT_EQ(ids, expected) << text.substr(0, 60);
  }
}

TEST_P(WithTokenizer, training_twice_gives_the_same_bytes) {
  const TrainerOptions options{.kind = GetParam(), .vocabulary = 400};
  const Result<std::string> again = train_model({random_text(1, 3000)}, options);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *local_files()->read(folder_ / "tokenizer.model"));
}

TEST_P(WithTokenizer, chat_has_its_special_tokens) {
  const SpecialTokens& special = tokenizer_.special();
  const std::set<std::int32_t> all = {special.end, special.user, special.assistant, special.pad};
  EXPECT_EQ(all.size(), 4u);
  const std::vector<std::int32_t> chat = tokenizer_.chat_document("bade?", "Giloes.");
  EXPECT_EQ(chat.front(), special.user);
  EXPECT_EQ(chat.back(), special.end);
  const std::vector<std::int32_t> prompt = tokenizer_.chat_prompt("bade?");
  EXPECT_EQ(prompt.back(), special.assistant);
  EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), chat.begin()));
  EXPECT_EQ(tokenizer_.piece(special.assistant), "<|assistant|>");
  EXPECT_EQ(tokenizer_.piece(-1), "");
}

// Every piece that is given out is whole characters, and all together are the text.
TEST_P(WithTokenizer, stream_gives_whole_characters) {
  for (const std::string& text : hard_texts()) {
    StreamDecoder decoder(tokenizer_);
    std::string all;
    for (const std::int32_t id : tokenizer_.encode(text)) {
      const std::string piece = decoder.push(id);
      EXPECT_TRUE(is_utf8(piece));
      all += piece;
    }
    EXPECT_EQ(decoder.finish(), "");
    EXPECT_EQ(all, text);
  }
}

// The violin is F0 9F 8E BB, in byte pieces. Cut short, it is one U+FFFD; a byte that continues
// nothing is one, too.
TEST_P(WithTokenizer, stream_marks_what_never_became_a_character) {
  std::vector<std::int32_t> violin = tokenizer_.encode("🎻");
  StreamDecoder decoder(tokenizer_);
  std::string text;
  for (std::size_t i = 0; i + 1 < violin.size(); ++i) text += decoder.push(violin[i]);
  EXPECT_EQ(text, "");
  EXPECT_EQ(decoder.push(tokenizer_.special().end), "\uFFFD");
  EXPECT_EQ(decoder.push(violin.back()), "\uFFFD");
  EXPECT_EQ(decoder.push(123456789), "");
  EXPECT_EQ(decoder.push(-5), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, WithTokenizer,
                         testing::Values(TrainerOptions::Kind::bpe, TrainerOptions::Kind::unigram));

TEST(Trainer, refuses_what_it_cannot_do) {
  const auto nothing = train_model({"", "\n\n"}, {});
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().message, "there is no text to train a tokenizer on");
}

TEST(TokenizerFolder, refuses_another_model_and_other_settings) {
  TemporaryFolder folder("tokenizer-folder");
  small_tokenizer(folder.path());
  const auto files = local_files();
  const std::string json = *files->read(folder / settings_file);
  const std::string model = *files->read(folder / model_file);
  const auto error = [&] {
    const auto loaded = Tokenizer::load(*files, folder.path());
    return loaded.ok() ? "" : loaded.error().message.substr(folder.path().size() + 1);
  };
  ASSERT_TRUE(files->write(folder / model_file, model + "x").ok());
  EXPECT_EQ(error(), "tokenizer.model: is not the model that tokenizer.json speaks of");
  ASSERT_TRUE(files->write(folder / model_file, model).ok());
  EXPECT_EQ(error(), "");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string other = json;
    other.replace(other.find(from), from.size(), to);
    EXPECT_TRUE(files->write(folder / settings_file, other).ok());
    return error();
  };
  EXPECT_EQ(with("\"version\": 1", "\"version\": 2"),
            "tokenizer.json: is of version 2, and 1 is known here");
  EXPECT_EQ(with("\"<|user|>\": ", "\"<|nobody|>\": "),
            "tokenizer.json: says no number of the special token <|user|>");
  EXPECT_EQ(with("\"<|user|>\": ", "\"<|user|>\": 999"),
            "tokenizer.json: has special tokens far behind the pieces of the model");
  EXPECT_EQ(with("{", "["), "tokenizer.json: is no JSON object");
}

// A model that knows nothing of our special tokens has them behind its own pieces.
TEST(TokenizerFolder, gives_a_foreign_model_its_special_tokens) {
  TemporaryFolder folder("tokenizer-foreign");
  const auto files = local_files();
  std::string model = *train_model({random_text(1, 3000)}, {.vocabulary = 400});
  for (std::size_t at; (at = model.find("<|user|>")) != std::string::npos;) {
    model.replace(at, 8, "<|USER|>");
  }
  ASSERT_TRUE(Tokenizer::save(*files, folder.path(), model, false).ok());
  const auto tokenizer = Tokenizer::load(*files, folder.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().text();
  EXPECT_EQ(tokenizer->special().user, 400);
  EXPECT_EQ(tokenizer->vocabulary(), 401);
  EXPECT_EQ(tokenizer->piece(400), "<|user|>");
  for (const std::string& text : hard_texts()) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

}  // namespace
}  // namespace celere::tokens
