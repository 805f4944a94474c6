// Text to token numbers and back.
//
// A tokenizer is a folder of two files: tokenizer.model, a sentencepiece model, and tokenizer.json,
// which says with a version how it is used here:
//
//   {"version": 1, "model": "tokenizer.model", "model_xxh128": "...", "words_apart": true,
//    "special": {"<|end|>": 1, "<|user|>": 2, "<|assistant|>": 3, "<|pad|>": 4},
//    "chat": "<|user|>{question}<|assistant|>{answer}<|end|>"}
//
// Special tokens are never made from text: "<|end|>" in a document is five ordinary pieces. A model
// that lacks one of them has it behind its own pieces. Text that is not in the vocabulary falls
// back to bytes where the model has byte pieces, so that every text comes back as it was.
//
// Leaves out: sampling of segmentations, and chats of more than one question.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"

namespace celere::tokens {

struct SpecialTokens {
  std::int32_t end = 0;  // behind every document and every answer
  std::int32_t user = 0;
  std::int32_t assistant = 0;
  std::int32_t pad = 0;
};

// Cheap to copy; all of it may be called from many threads at once.
class Tokenizer {
 public:
  // From a tokenizer folder. Errors: not_found, corrupt (a file is not what it claims to be).
  static Result<Tokenizer> load(const Files& files, const std::string& folder);
  // The files of a tokenizer folder, made from the bytes of a sentencepiece model. `words_apart`
  // promises that no piece crosses a space or a line end and that text is taken as it is, which
  // lets words be encoded one by one and remembered. Errors: corrupt.
  static Status save(Files& files, const std::string& folder, const std::string& model,
                     bool words_apart);

  std::vector<std::int32_t> encode(std::string_view text) const;  // REQUIRES: valid UTF-8
  // Text alone: special tokens and numbers of no piece give nothing.
  std::string decode(std::span<const std::int32_t> ids) const;

  // <|user|>question<|assistant|>: what a model continues with its answer and <|end|>.
  std::vector<std::int32_t> chat_prompt(std::string_view question) const;
  // Also the answer and <|end|>.
  std::vector<std::int32_t> chat_document(std::string_view question, std::string_view answer) const;

  const SpecialTokens& special() const;
  bool is_special(std::int32_t id) const;
  std::int32_t vocabulary() const;  // tokens are 0 ... vocabulary - 1
  // Of the model and of how it is used; shards name it, and refuse another.
  const std::string& hash() const;
  // How a token is written: "▁violin", "<0x0A>", "<|end|>".
  std::string piece(std::int32_t id) const;

 private:
  friend class Encoder;
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// Encodes many texts, remembering words that it met: several times faster than Tokenizer::encode
// and equal to it. For one thread.
class Encoder {
 public:
  explicit Encoder(Tokenizer tokenizer);
  ~Encoder();
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  // Appends. REQUIRES: valid UTF-8.
  void encode(std::string_view text, std::vector<std::int32_t>& ids);
  const Tokenizer& tokenizer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Turns a stream of tokens into text as it comes: what it gives back is always whole characters,
// and all of it together is what Tokenizer::decode would give.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  // The text that is complete with this token; may be empty.
  std::string push(std::int32_t id);
  // What is left of a character that never became whole, as U+FFFD; begins anew.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  std::string bytes_;  // of an unfinished character
  bool at_start_ = true;
};

struct TrainerOptions {
  enum class Kind { bpe, unigram } kind = Kind::bpe;
  int vocabulary = 4096;
};

// A sentencepiece model with byte fallback and our special tokens, trained on these texts; the same
// texts give the same bytes. Errors: bad_input, such as a vocabulary too large for the texts.
Result<std::string> train_model(const std::vector<std::string>& texts,
                                const TrainerOptions& options);

}  // namespace celere::tokens
