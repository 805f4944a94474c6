#include "infer/generate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tokens/unicode.hpp"

namespace celere::infer {

const char* name_of(Stop stop) {
  switch (stop) {
    case Stop::end:
      return "end";
    case Stop::tokens_max:
      return "tokens_max";
    case Stop::context:
      return "context";
    case Stop::stopped:
      return "stopped";
  }
  CHECK(false);
}

double Answer::tokens_per_s() const {
  return time.in_base() > 0 ? static_cast<double>(picked) / time.in_base() : 0;
}

Result<std::int32_t> Generator::next(std::span<const std::int32_t> tokens, nn::Cache& cache,
                                     std::int32_t before, const Sampling& sampling) const {
  at::Tensor wide = at::empty({static_cast<std::int64_t>(tokens.size())}, at::kLong);
  std::copy(tokens.begin(), tokens.end(), wide.mutable_data_ptr<std::int64_t>());
  const at::Tensor logits =
      decoder_->next_logits(wide, before, cache).to(at::kCPU, at::kFloat).contiguous();
  // Rows of the vocabulary that no token has are padding.
  const auto vocabulary = static_cast<std::size_t>(tokenizer_->vocabulary());
  CHECK_LE(vocabulary, static_cast<std::size_t>(logits.numel()));
  return pick({logits.const_data_ptr<float>(), vocabulary}, sampling, cache.length);
}

Result<Answer> Generator::continued(std::span<const std::int32_t> prompt,
                                    const GenerateOptions& options, const OnText& on_text) const {
  CHECK(!prompt.empty() && options.tokens_max >= 1);
  const at::NoGradGuard quiet;
  const Instant begin = clock_->now();
  const std::int64_t context = decoder_->model().context;
  Answer answer;
  answer.prompt_tokens = static_cast<std::int64_t>(prompt.size());
  const std::int64_t room = context - answer.prompt_tokens;
  if (room < 1) {
    return bad_input(
        fmt::format("the question takes {} tokens, and question and answer together at most {}: "
                    "ask a shorter one",
                    prompt.size(), context));
  }
  // The last token picked never passes the model.
  nn::Cache cache =
      decoder_->make_cache(answer.prompt_tokens + std::min(room, options.tokens_max) - 1);
  tokens::StreamDecoder decoder(*tokenizer_);
  std::vector<std::int32_t> fresh(prompt.begin(), prompt.end());
  std::int32_t before = -1;
  while (true) {
    ASSIGN_OR_RETURN(const std::int32_t token, next(fresh, cache, before, options.sampling));
    answer.time = clock_->now() - begin;
    if (answer.picked++ == 0) answer.first_token_time = answer.time;
    if (tokenizer_->is_special(token)) break;
    answer.tokens.push_back(token);
    const std::string piece = decoder.push(token);
    answer.text += piece;
    answer.stop = on_text && !on_text(piece)            ? Stop::stopped
                  : answer.picked == options.tokens_max ? Stop::tokens_max
                  : answer.picked == room               ? Stop::context
                                                        : Stop::end;
    if (answer.stop != Stop::end) break;
    before = fresh.back();
    fresh.assign(1, token);
  }
  const std::string rest = decoder.finish();
  answer.text += rest;
  if (on_text && !rest.empty()) on_text(rest);
  return answer;
}

Result<Answer> Generator::answer(std::string_view question, const GenerateOptions& options,
                                 const OnText& on_text) const {
  if (!tokens::is_utf8(question)) return bad_input("the question is not UTF-8");
  if (tokens::trimmed(question).empty()) return bad_input("the question is empty");
  return continued(tokenizer_->chat_prompt(question), options, on_text);
}

}  // namespace celere::infer
