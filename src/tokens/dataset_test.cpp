// Samples against what was put in: the corpora are written here, document by document.
#include "tokens/dataset.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "tokens/manifest.hpp"
#include "tokens/test_support.hpp"

namespace celere::tokens {
namespace {

using Documents = std::vector<std::vector<std::int32_t>>;

// Writes corpora whose documents are known, in shards of at most three documents.
class Corpus {
 public:
  Corpus() : folder_("dataset"), tokenizer_(small_tokenizer(folder_ / "tokenizer")) {
    manifest_.tokenizer_hash = tokenizer_.hash();
    manifest_.vocabulary = tokenizer_.vocabulary();
    manifest_.made_from = "by hand";
  }

  void add(const std::string& name, const std::vector<Documents>& editions,
           std::optional<double> weight = {}) {
    SourceEntry source;
    source.name = name;
    source.kind = "text";
    source.weight = weight;
    for (std::size_t i = 0; i < editions.size(); ++i) {
      source.training.push_back(write(name + std::to_string(i), editions[i]));
    }
    manifest_.sources.push_back(std::move(source));
    EXPECT_TRUE(files_->write(folder_ / manifest_file, written_manifest(manifest_)).ok());
  }

  Dataset open(const DatasetOptions& options) const {
    auto dataset = Dataset::open(*files_, folder_.path(), options);
    EXPECT_TRUE(dataset.ok()) << (dataset.ok() ? "" : dataset.error().text());
    return std::move(dataset).value();
  }

  TemporaryFolder folder_;
  std::unique_ptr<Files> files_ = local_files();
  Tokenizer tokenizer_;
  Manifest manifest_;

 private:
  std::vector<ShardEntry> write(const std::string& name, const Documents& documents) {
    std::vector<ShardEntry> shards;
    for (std::size_t i = 0; i < documents.size(); i += 3) {
      auto writer =
          ShardWriter::create(folder_.path(), name + "-" + std::to_string(i), TokenType::u16);
      for (std::size_t j = i; j < std::min(i + 3, documents.size()); ++j) {
        std::string bytes;
        for (const std::int32_t id : documents[j]) {
          bytes.append(reinterpret_cast<const char*>(&id), 2);
        }
        EXPECT_TRUE(writer->add(bytes, {static_cast<std::int32_t>(documents[j].size())}).ok());
      }
      shards.push_back(*writer->finish(*files_));
    }
    return shards;
  }
};

// Documents of 1 to 40 tokens, each token one more than the one before it.
Documents numbered(std::size_t count, std::uint64_t seed) {
  Prng random(seed, 0);
  Documents documents(count);
  std::int32_t next = 1000;
  for (auto& document : documents) {
    const std::uint64_t size = 1 + random.below(40);
    for (std::uint64_t i = 0; i < size; ++i) document.push_back(next++);
  }
  return documents;
}

class EachPacking : public testing::TestWithParam<Packing> {};

// In a pass every token but the first of its document is predicted exactly once, from the token
// before it, and whatever is counted lies within the document that it says.
TEST_P(EachPacking, predicts_each_token_once_a_pass) {
  Corpus corpus;
  const Documents documents = numbered(50, 3);
  corpus.add("a", {documents});
  std::map<std::int32_t, std::int32_t> before;  // of each token that has one in its document
  for (const auto& document : documents) {
    for (std::size_t i = 1; i < document.size(); ++i) before[document[i]] = document[i - 1];
  }
  for (const std::int64_t sequence : {1, 2, 7, 16, 39, 40, 64, 5000}) {
    const Dataset dataset = corpus.open({.sequence = sequence, .packing = GetParam(), .seed = 5});
    const std::uint64_t windows = dataset.epoch_samples();
    for (std::uint64_t pass = 0; pass < 2; ++pass) {
      std::map<std::int32_t, int> predicted;
      for (std::uint64_t i = 0; i < windows; ++i) {
        const Sample sample = dataset.sample(pass * windows + i);
        for (std::size_t j = 0; j < sample.counted.size(); ++j) {
          const auto start = static_cast<std::size_t>(sample.document_start[j]);
          ASSERT_LE(start, j);
          ASSERT_EQ(sample.document_start[start], sample.document_start[j]);
          ASSERT_TRUE(j == start || sample.tokens[j] == sample.tokens[j - 1] + 1 ||
                      sample.tokens[j] == corpus.tokenizer_.special().pad);
          if (sample.counted[j] == 0) continue;
          ++predicted[sample.tokens[j + 1]];
          ASSERT_EQ(before.at(sample.tokens[j + 1]), sample.tokens[j]);
        }
      }
      ASSERT_EQ(predicted.size(), before.size()) << "sequence " << sequence;
      for (const auto& [token, times] : predicted) ASSERT_EQ(times, 1) << token;
    }
  }
}

TEST_P(EachPacking, is_a_pure_function_of_seed_and_number) {
  Corpus corpus;
  corpus.add("a", {numbered(50, 3)});
  const DatasetOptions options{.sequence = 16, .packing = GetParam(), .seed = 5};
  const Dataset one = corpus.open(options), two = corpus.open(options);
  DatasetOptions other = options;
  other.seed = 6;
  const Dataset three = corpus.open(other);
  int equal = 0;
  std::vector<std::vector<std::int32_t>> of_threads(40);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 39 - static_cast<std::size_t>(t); i < 40; i -= 4) {
        of_threads[i] = two.sample(i).tokens;
        if (i < 4) break;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(one.sample(i).tokens, of_threads[i]);
    equal += one.sample(i).tokens == three.sample(i).tokens ? 1 : 0;
  }
  EXPECT_LT(equal, 12);
}

INSTANTIATE_TEST_SUITE_P(Packings, EachPacking, testing::Values(Packing::cut, Packing::whole));

// Windows of 4 over documents [1 2 3] [4 5] [6 7 8 9]: positions 0-4, 4-8 and 8.
TEST(Cut, makes_the_windows_that_are_done_by_hand) {
  Corpus corpus;
  corpus.add("a", {{{1, 2, 3}, {4, 5}, {6, 7, 8, 9}}});
  const Dataset dataset = corpus.open({.sequence = 4, .packing = Packing::cut});
  ASSERT_EQ(dataset.epoch_samples(), 2u);
  std::map<std::int32_t, Sample> by_first;
  for (std::uint64_t i = 0; i < 2; ++i) by_first[dataset.sample(i).tokens[0]] = dataset.sample(i);
  EXPECT_EQ(by_first[1].tokens, (std::vector<std::int32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(by_first[1].document_start, (std::vector<std::int32_t>{0, 0, 0, 3}));
  EXPECT_EQ(by_first[1].counted, (std::vector<std::uint8_t>{1, 1, 0, 1}));
  EXPECT_EQ(by_first[5].tokens, (std::vector<std::int32_t>{5, 6, 7, 8, 9}));
  EXPECT_EQ(by_first[5].document_start, (std::vector<std::int32_t>{0, 1, 1, 1}));
  EXPECT_EQ(by_first[5].counted, (std::vector<std::uint8_t>{0, 1, 1, 1}));
}

// Windows of 5 tokens: [1 2 3] leaves 2, where [4 5] fits; [6 7 8 9] has its own, padded by one.
TEST(Whole, cuts_no_document_that_fits) {
  Corpus corpus;
  corpus.add("a", {{{1, 2, 3}, {6, 7, 8, 9}, {4, 5}}});
  const Dataset dataset = corpus.open({.sequence = 4, .packing = Packing::whole});
  ASSERT_EQ(dataset.epoch_samples(), 2u);
  std::map<std::int32_t, Sample> by_first;
  for (std::uint64_t i = 0; i < 2; ++i) by_first[dataset.sample(i).tokens[0]] = dataset.sample(i);
  EXPECT_EQ(by_first[1].tokens, (std::vector<std::int32_t>{1, 2, 3, 4, 5}));
  const std::int32_t pad = corpus.tokenizer_.special().pad;
  EXPECT_EQ(by_first[6].tokens, (std::vector<std::int32_t>{6, 7, 8, 9, pad}));
  EXPECT_EQ(by_first[6].document_start, (std::vector<std::int32_t>{0, 0, 0, 0}));
  EXPECT_EQ(by_first[6].counted, (std::vector<std::uint8_t>{1, 1, 1, 0}));
}

// <|user|> q q <|assistant|> a a <|end|>: three predictions count, a, a and <|end|>; of a plain
// text all count. In windows of 2 the state is found from before the window.
TEST(Answers, count_alone_in_documents_that_have_them) {
  Corpus corpus;
  const SpecialTokens& special = corpus.tokenizer_.special();
  corpus.add("a", {{{special.user, 10, 11, special.assistant, 12, 13, special.end},
                    {20, 21, special.end}}});
  for (const Packing packing : {Packing::cut, Packing::whole}) {
    for (const std::int64_t sequence : {2, 3, 20}) {
      const Dataset dataset =
          corpus.open({.sequence = sequence, .packing = packing, .loss_on = LossOn::answers});
      std::multiset<std::int32_t> counted;
      for (std::uint64_t i = 0; i < dataset.epoch_samples(); ++i) {
        const Sample sample = dataset.sample(i);
        for (std::size_t j = 0; j < sample.counted.size(); ++j) {
          if (sample.counted[j] != 0) counted.insert(sample.tokens[j + 1]);
        }
      }
      EXPECT_EQ(counted, (std::multiset<std::int32_t>{12, 13, special.end, 21, special.end}))
          << "sequence " << sequence;
    }
  }
}

TEST(Questions, are_found_in_documents) {
  Corpus corpus;
  const auto document = corpus.tokenizer_.chat_document("bade?", "Gi lo.");
  const auto found = questions_of(corpus.tokenizer_, document);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].question, "bade?");
  EXPECT_EQ(found[0].answer, "Gi lo.");
  EXPECT_TRUE(questions_of(corpus.tokenizer_, corpus.tokenizer_.encode("bade")).empty());
}

// Two editions of 3 and 2 windows: five samples pass both, and the next five again.
TEST(Editions, come_in_turn) {
  Corpus corpus;
  corpus.add("a", {{{1, 2}, {3, 4}, {5, 6}}, {{11, 12}, {13, 14}}});
  const Dataset dataset = corpus.open({.sequence = 1, .packing = Packing::whole, .seed = 1});
  for (std::uint64_t round = 0; round < 4; ++round) {
    std::set<std::int32_t> first, second;
    for (std::uint64_t i = 0; i < 3; ++i) first.insert(dataset.sample(5 * round + i).tokens[0]);
    for (std::uint64_t i = 3; i < 5; ++i) second.insert(dataset.sample(5 * round + i).tokens[0]);
    EXPECT_EQ(first, (std::set<std::int32_t>{1, 3, 5}));
    EXPECT_EQ(second, (std::set<std::int32_t>{11, 13}));
  }
}

// Weights 3 to 1: of 400 samples 300 and 100. Without weights: as they are large, 6 windows to 2.
TEST(Sources, are_mixed_by_weight) {
  for (const bool weighted : {true, false}) {
    Corpus corpus;
    const auto weight = [weighted](double value) {
      return weighted ? std::optional<double>(value) : std::nullopt;
    };
    Documents small = {{1, 2}, {3, 4}}, large;
    for (std::int32_t i = 0; i < 6; ++i) large.push_back({100 + 2 * i, 101 + 2 * i});
    corpus.add("small", {small}, weight(3));
    corpus.add("large", {large}, weight(1));
    const Dataset dataset = corpus.open({.sequence = 1, .packing = Packing::whole});
    int of_small = 0;
    for (std::uint64_t i = 0; i < 400; ++i) of_small += dataset.sample(i).tokens[0] < 100 ? 1 : 0;
    EXPECT_EQ(of_small, weighted ? 300 : 100);
    EXPECT_EQ(dataset.epoch_samples(), weighted ? 24u : 8u);
  }
}

TEST(Dataset, refuses_what_does_not_belong_together) {
  Corpus corpus;
  corpus.add("a", {numbered(9, 1)});
  const auto error = [&](const DatasetOptions& options) {
    const auto dataset = Dataset::open(*corpus.files_, corpus.folder_.path(), options);
    return dataset.ok() ? "" : dataset.error().message;
  };
  const DatasetOptions fine{.sequence = 8};
  EXPECT_EQ(error(fine), "");
  EXPECT_EQ(error({.sequence = 0}), "a sequence of 0 tokens cannot be");
  EXPECT_EQ(error({.sequence = 8, .side = Side::validation}),
            corpus.folder_.path() +
                " has no documents for validation: build it with data.validation above 0");
  std::filesystem::resize_file(corpus.folder_ / "a0-3.idx", 30);
  EXPECT_EQ(error(fine), corpus.folder_ / "a0-3.idx" + ": is no index of Megatron-LM's format");
  small_tokenizer(corpus.folder_ / "tokenizer", {.vocabulary = 420});
  EXPECT_TRUE(
      error(fine).starts_with(corpus.folder_ / "tokenizer is the tokenizer of another corpus: "))
      << error(fine);
  std::filesystem::remove(corpus.folder_ / manifest_file);
  EXPECT_EQ(error(fine), corpus.folder_.path() +
                             " holds no corpus (no manifest.json): make one "
                             "with `celere data build`");
}

}  // namespace
}  // namespace celere::tokens
