// What the tests of this folder share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/prng.hpp"
#include "base/test_folder.hpp"
#include "tokens/tokenizer.hpp"

namespace celere::tokens {

// Sentences of words that are made of syllables: text with the repetitions of a language.
inline std::string random_text(std::uint64_t seed, std::size_t words) {
  static constexpr const char* syllables[] = {"ba", "de", "gi",  "lo", "mu", "ra", "se",  "ti",
                                              "vo", "ny", "str", "é",  "x",  "qu", "ing", "er"};
  Prng random(seed, 0);
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    std::string word;
    const std::uint64_t count = 1 + random.below(3);
    for (std::uint64_t j = 0; j < count; ++j) word += syllables[random.below(16)];
    text += word + (random.below(9) == 0 ? ".\n" : random.below(40) == 0 ? "  " : " ");
  }
  return text;
}

inline Tokenizer small_tokenizer(const std::string& folder,
                                 TrainerOptions options = {.kind = TrainerOptions::Kind::bpe,
                                                           .vocabulary = 400}) {
  const auto files = local_files();
  const Result<std::string> model = train_model({random_text(1, 3000)}, options);
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().text());
  EXPECT_TRUE(Tokenizer::save(*files, folder, *model, true).ok());
  Result<Tokenizer> tokenizer = Tokenizer::load(*files, folder);
  EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().text());
  return std::move(tokenizer).value();
}

}  // namespace celere::tokens
