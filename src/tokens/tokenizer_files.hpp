// tokenizer.json: how a sentencepiece model is used (tokenizer.hpp shows one).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "tokens/tokenizer.hpp"

namespace celere::tokens {

inline constexpr const char* model_file = "tokenizer.model";
inline constexpr const char* settings_file = "tokenizer.json";

struct TokenizerSettings {
  std::string model_hash;
  bool words_apart = false;
  SpecialTokens special;
};

inline constexpr const char* special_names[] = {"<|end|>", "<|user|>", "<|assistant|>", "<|pad|>"};

std::string written_settings(const TokenizerSettings& settings);
// Errors: corrupt; unsupported (another version). `path` is what messages call it.
Result<TokenizerSettings> parse_settings(std::string_view json, const std::string& path);

}  // namespace celere::tokens
