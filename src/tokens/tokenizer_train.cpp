#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <unordered_map>

#include "tokens/tokenizer.hpp"
#include "tokens/tokenizer_files.hpp"

namespace celere::tokens {
namespace {

// sentencepiece passes over longer sentences, so lines are cut; at spaces, which no piece crosses.
constexpr std::size_t sentence_bytes_max = 4000;

class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(const std::vector<std::string>& texts) : texts_(texts) { Next(); }
  bool done() const override { return done_; }
  const std::string& value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

  void Next() override {
    value_.clear();
    while (value_.empty() && text_ < texts_.size()) {
      const std::string_view rest = std::string_view(texts_[text_]).substr(at_);
      if (rest.empty()) {
        ++text_;
        at_ = 0;
        continue;
      }
      std::size_t end = std::min(rest.find('\n'), rest.size());
      if (end > sentence_bytes_max) {
        const std::size_t space = rest.rfind(' ', sentence_bytes_max);
        end = space == std::string_view::npos || space == 0 ? end : space;
      }
      // A sentence that is too long without a space is left out, as sentencepiece itself would.
      if (end <= sentence_bytes_max) value_ = rest.substr(0, end);
      at_ += std::min(end + 1, rest.size());
    }
    done_ = value_.empty();
  }

 private:
  const std::vector<std::string>& texts_;
  std::size_t text_ = 0, at_ = 0;
  std::string value_;
  bool done_ = false;
};

}  // namespace

Result<std::string> train_model(const std::vector<std::string>& texts,
                                const TrainerOptions& options) {
  Sentences sentences(texts);
  if (sentences.done()) return bad_input("there is no text to train a tokenizer on");
  std::string controls;
  for (const char* name : special_names)
    controls += (controls.empty() ? "" : ",") + std::string(name);
  // Sums of the unigram trainer depend on the number of its threads, so it is fixed. The level
  // silences what it would print.
  const std::unordered_map<std::string, std::string> settings = {
      {"model_type", options.kind == TrainerOptions::Kind::bpe ? "bpe" : "unigram"},
      {"vocab_size", std::to_string(options.vocabulary)},
      {"hard_vocab_limit", "false"},
      {"byte_fallback", "true"},
      {"character_coverage", "0.9995"},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"unk_id", "0"},
      {"bos_id", "-1"},
      {"eos_id", "-1"},
      {"pad_id", "-1"},
      {"control_symbols", controls},
      {"shuffle_input_sentence", "false"},
      {"input_sentence_size", "0"},
      {"num_threads", "4"},
      {"minloglevel", "2"}};
  std::string model;
  const sentencepiece::util::Status status =
      sentencepiece::SentencePieceTrainer::Train(settings, &sentences, &model);
  if (!status.ok()) {
    return bad_input(fmt::format("the tokenizer of {} entries cannot be trained on this sample: {}",
                                 options.vocabulary, status.ToString()));
  }
  return model;
}

}  // namespace celere::tokens
