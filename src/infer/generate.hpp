// Tokens one by one behind a prompt, through a cache of keys and values: the prompt passes the
// model once, and each token alone after it.
//
// Leaves out: several sequences at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "infer/sampling.hpp"
#include "nn/decoder.hpp"
#include "tokens/tokenizer.hpp"

namespace celere::infer {

// What ended an answer: a special token, the limit of its tokens, the longest sequence of the
// model, or whoever listens.
enum class Stop { end, tokens_max, context, stopped };
const char* name_of(Stop stop);  // "end"

struct Answer {
  std::vector<std::int32_t> tokens;  // without the special one that ended it
  std::string text;
  Stop stop = Stop::end;
  std::int64_t prompt_tokens = 0;
  std::int64_t picked = 0;   // tokens, the special one with them
  Seconds first_token_time;  // from the question to the first of them
  Seconds time;              // to the last

  double tokens_per_s() const;  // of those picked, the time of the prompt with it
};

struct GenerateOptions {
  Sampling sampling{};
  std::int64_t tokens_max = 256;  // at least 1
};

// Called with the text that a token completes, which may be empty; false stops.
using OnText = std::function<bool(std::string_view piece)>;

class Generator {
 public:
  // All three must outlive it. REQUIRES: the model's vocabulary is at least the tokenizer's.
  Generator(const nn::Decoder& decoder, const tokens::Tokenizer& tokenizer, const Clock& clock)
      : decoder_(&decoder), tokenizer_(&tokenizer), clock_(&clock) {}

  // Behind a prompt of at least one token. Errors: bad_input, where the prompt leaves no room in
  // the longest sequence of the model; corrupt, where the weights are no good.
  Result<Answer> continued(std::span<const std::int32_t> prompt, const GenerateOptions& options,
                           const OnText& on_text) const;
  // To a question. Errors: those of continued(); bad_input, where it is not UTF-8 or is empty.
  Result<Answer> answer(std::string_view question, const GenerateOptions& options,
                        const OnText& on_text) const;

  const nn::Decoder& decoder() const { return *decoder_; }
  const tokens::Tokenizer& tokenizer() const { return *tokenizer_; }
  const Clock& clock() const { return *clock_; }

 private:
  Result<std::int32_t> next(std::span<const std::int32_t> tokens, nn::Cache& cache,
                            std::int32_t before, const Sampling& sampling) const;

  const nn::Decoder* decoder_;
  const tokens::Tokenizer* tokenizer_;
  const Clock* clock_;
};

}  // namespace celere::infer
