// Training samples out of a corpus that `celere data build` made.
//
// Sample `number` is a pure function of the corpus, the options and the number, so that any rank
// under any batch can make its own samples, and a resumed training sees what it would have seen.
//
// A corpus has one or more sources, a source one or more editions (the same questions phrased
// otherwise), an edition a stream of documents that is packed into windows of `sequence` tokens and
// one to predict. A number goes to a source by its weight (order.hpp), a source passes its editions
// in turn, and the windows of an edition come in an order that changes each time (order.hpp).
//
// Packing "cut": window i is tokens [i * sequence, (i + 1) * sequence] of the stream; no memory is
// needed beside the mapped files. Packing "whole": no document that fits into a window is cut
// (packing.hpp); 8 bytes a document and a window. Either way each token of a document but the first
// is predicted exactly once a pass, and what a window has left at its end is padding.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "tokens/tokenizer.hpp"

namespace celere::tokens {

enum class Packing { cut, whole };
enum class Side { training, validation };
enum class LossOn { all, answers };

struct DatasetOptions {
  std::int64_t sequence = 0;
  Packing packing = Packing::cut;
  // answers: of a document that begins with <|user|> only what follows <|assistant|>, up to and
  // with <|end|>; other documents count whole.
  LossOn loss_on = LossOn::all;
  Side side = Side::training;
  std::uint64_t seed = 0;
};

struct Sample {
  std::vector<std::int32_t> tokens;          // sequence + 1
  std::vector<std::int32_t> document_start;  // sequence: of position i's document, in this sample
  std::vector<std::uint8_t>
      counted;  // sequence: 1 where predicting tokens[i + 1] counts in the loss
};

// The same in memory of the caller, of those sizes.
struct SampleView {
  std::span<std::int32_t> tokens;
  std::span<std::int32_t> document_start;
  std::span<std::uint8_t> counted;
};

// Cheap to copy; all of it may be called from many threads at once.
class Dataset {
 public:
  // Errors: not_found, corrupt (with the file and what is wrong), bad_input (no sample in it).
  static Result<Dataset> open(const Files& files, const std::string& folder,
                              const DatasetOptions& options);

  Sample sample(std::uint64_t number) const;
  void fill(std::uint64_t number, const SampleView& view) const;

  // Samples after which every source has been passed at least once in one of its editions.
  std::uint64_t epoch_samples() const;
  // Of this side, in one edition of each source.
  std::uint64_t tokens() const;
  std::uint64_t documents() const;

  // Documents of this side, edition 0, source after source, in the order of the shards.
  // REQUIRES: index < documents().
  std::vector<std::int32_t> document(std::uint64_t index) const;

  const DatasetOptions& options() const;
  const Tokenizer& tokenizer() const;  // with which the corpus was made

 private:
  struct Impl;
  explicit Dataset(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// A question and its answer out of a document of that kind; empty where it is of no such kind.
struct QuestionAnswer {
  std::string question, answer;
};
std::vector<QuestionAnswer> questions_of(const Tokenizer& tokenizer,
                                         std::span<const std::int32_t> document);

}  // namespace celere::tokens
