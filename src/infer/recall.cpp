#include "infer/recall.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "base/prng.hpp"

namespace celere::infer {
namespace {

// Of a batch: what its logits and its scores take stays near the size of a cache.
constexpr std::int64_t rows_max = 2048;
constexpr std::int64_t logits_max = std::int64_t{1} << 24;

struct Document {
  std::vector<std::int32_t> tokens;
  std::size_t prompt = 0;    // tokens of the question
  std::size_t question = 0;  // its number
};

std::vector<Document> documents_of(const tokens::Tokenizer& tokenizer,
                                   std::span<const tokens::QuestionAnswer> questions,
                                   std::int64_t context) {
  std::vector<Document> out;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto& [question, answer] = questions[i];
    Document document{tokenizer.chat_document(question, answer),
                      tokenizer.chat_prompt(question).size(), i};
    // The model cannot hold it whole, so it cannot give it.
    if (static_cast<std::int64_t>(document.tokens.size()) > context + 1) continue;
    out.push_back(std::move(document));
  }
  // Documents of one batch are padded to the longest of them.
  std::stable_sort(out.begin(), out.end(), [](const Document& a, const Document& b) {
    return a.tokens.size() > b.tokens.size();
  });
  return out;
}

// The likeliest token behind each position: [documents, length] int64. What is behind a document
// is padding, which no position before it sees.
at::Tensor predictions(const Generator& generator, std::span<const Document> documents) {
  const tokens::Tokenizer& tokenizer = generator.tokenizer();
  const auto count = static_cast<std::int64_t>(documents.size());
  const auto width = static_cast<std::int64_t>(documents.front().tokens.size());
  at::Tensor tokens = at::full({count, width}, tokenizer.special().pad, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<std::int32_t>& from = documents[static_cast<std::size_t>(i)].tokens;
    std::copy(from.begin(), from.end(), tokens.mutable_data_ptr<std::int64_t>() + i * width);
  }
  const nn::Decoder& decoder = generator.decoder();
  const at::Tensor logits =
      decoder.logits(nn::plain_batch(tokens, decoder.model().bigram_embeddings));
  return logits.narrow(1, 0, tokenizer.vocabulary())
      .argmax(1)
      .view({count, width - 1})
      .contiguous();
}

bool exact(const Document& document, const std::int64_t* predicted) {
  for (std::size_t i = document.prompt; i < document.tokens.size(); ++i) {
    if (predicted[i - 1] != document.tokens[i]) return false;
  }
  return true;
}

}  // namespace

Result<std::vector<tokens::QuestionAnswer>> pick_questions(const tokens::Dataset& dataset,
                                                           std::int64_t count, std::uint64_t seed) {
  std::vector<tokens::QuestionAnswer> out;
  Prng prng(seed, 0);
  // A shuffle by Fisher and Yates that remembers moved numbers alone: corpora may be large.
  std::unordered_map<std::uint64_t, std::uint64_t> moved;
  const auto at = [&](std::uint64_t place) {
    const auto found = moved.find(place);
    return found == moved.end() ? place : found->second;
  };
  const std::uint64_t documents = dataset.documents();
  for (std::uint64_t i = 0; i < documents && static_cast<std::int64_t>(out.size()) < count; ++i) {
    const std::uint64_t other = i + prng.below(documents - i);
    const std::uint64_t drawn = at(other);
    moved[other] = at(i);
    const std::vector<std::int32_t> document = dataset.document(drawn);
    for (tokens::QuestionAnswer& one : tokens::questions_of(dataset.tokenizer(), document)) {
      if (static_cast<std::int64_t>(out.size()) < count) out.push_back(std::move(one));
    }
  }
  if (out.empty()) return bad_input("the corpus has no questions with answers to recall");
  return out;
}

Result<Recall> recall(const Generator& generator, std::span<const tokens::QuestionAnswer> questions,
                      std::size_t misses_max) {
  const at::NoGradGuard quiet;
  const Instant begin = generator.clock().now();
  const spec::Model& model = generator.decoder().model();
  std::vector<bool> right(questions.size());
  std::vector<Document> documents = documents_of(generator.tokenizer(), questions, model.context);
  std::span<const Document> left = documents;
  while (!left.empty()) {
    const auto width = static_cast<std::int64_t>(left.front().tokens.size()) - 1;
    const std::int64_t fitting = std::min(rows_max, logits_max / model.vocab) / width;
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, fitting));
    const std::span<const Document> batch = left.first(std::min(count, left.size()));
    const at::Tensor predicted = predictions(generator, batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      right[batch[i].question] = exact(batch[i], predicted.const_data_ptr<std::int64_t>() +
                                                     static_cast<std::int64_t>(i) * width);
    }
    left = left.subspan(batch.size());
  }
  Recall out;
  out.asked = static_cast<std::int64_t>(questions.size());
  out.exact = std::count(right.begin(), right.end(), true);
  out.time = generator.clock().now() - begin;
  for (std::size_t i = 0; i < questions.size() && out.misses.size() < misses_max; ++i) {
    if (right[i]) continue;
    ASSIGN_OR_RETURN(const Answer given, generator.answer(questions[i].question, {}, nullptr));
    out.misses.push_back({questions[i].question, questions[i].answer, given.text});
  }
  return out;
}

}  // namespace celere::infer
