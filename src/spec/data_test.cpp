#include "spec/data.hpp"

#include <gtest/gtest.h>

namespace celere::spec {
namespace {

// What is read, or the mistakes.
struct ReadData {
  DataSpec data;
  std::string mistakes;
};
ReadData read(std::string_view toml) {
  auto document = TomlDocument::parse(toml, "run.toml");
  EXPECT_TRUE(document.ok()) << document.error().message;
  ReadData out;
  out.data = read_data((*document)->root().table("data"));
  const Status status = (*document)->finish();
  if (!status.ok()) out.mistakes = status.error().message;
  return out;
}

TEST(Data, has_its_defaults) {
  const ReadData read_back = read("[data]\nsources = [{ files = [\"a.txt\"] }]\n");
  EXPECT_EQ(read_back.mistakes, "");
  const DataSpec& data = read_back.data;
  ASSERT_EQ(data.sources.size(), 1u);
  EXPECT_EQ(data.sources[0].name, "source-1");
  EXPECT_EQ(data.sources[0].kind, SourceKind::text);
  EXPECT_EQ(data.tokenizer.vocabulary, 4096);
  EXPECT_EQ(data.validation, 0.01);
  EXPECT_EQ(data.shard, 1_GB);
  EXPECT_EQ(data.packing, DataPacking::cut);
  EXPECT_EQ(data.validation_loss_on, DataLoss::all);
}

// What is held out is judged as the training is, unless the file says otherwise.
TEST(Data, the_validation_loss_follows_the_loss) {
  const char* source = "[[data.sources]]\nfiles = [\"a\"]\n";
  const DataSpec same = read(std::string("[data]\nloss = \"answers\"\n") + source).data;
  EXPECT_EQ(same.validation_loss_on, DataLoss::answers);
  const DataSpec other = read(std::string("[data]\nvalidation_loss = \"answers\"\n") + source).data;
  EXPECT_EQ(other.loss_on, DataLoss::all);
  EXPECT_EQ(other.validation_loss_on, DataLoss::answers);
}

TEST(Data, reads_every_kind_of_source) {
  const ReadData read_back = read(R"([data]
seed = 7
packing = "whole"
loss = "answers"
tokenizer = { kind = "unigram", vocab = 512, sample = "2 MB" }
filters = { length_min = "20 B", length_max = "1 MB", letters_min = 0.5, words = "w.txt" }
[[data.sources]]
files = ["a", "b/*.gz"]
documents = "paragraph"
weight = 3
[[data.sources]]
kind = "jsonl"
files = ["c"]
question = "prompt"
answer = "reply"
weight = 1
[[data.sources]]
name = "words"
kind = "wordnet"
parts = "nouns"
count_min = 10
words = ["violin"]
questions = ["kind-of", "what-is"]
phrasings = 3
validation = 0
weight = 0.5
)");
  EXPECT_EQ(read_back.mistakes, "");
  const DataSpec& data = read_back.data;
  ASSERT_EQ(data.sources.size(), 3u);
  EXPECT_EQ(data.sources[0].unit, TextUnit::paragraph);
  EXPECT_EQ(data.sources[1].answer, "reply");
  EXPECT_EQ(data.sources[2].wordnet.questions,
            (std::vector<Question>{Question::what_is, Question::kind_of}));
  EXPECT_EQ(data.sources[2].files, (std::vector<std::string>{"/usr/share/wordnet"}));
  EXPECT_EQ(data.sources[2].validation, 0.0);
  EXPECT_EQ(data.tokenizer.kind, TokenizerKind::unigram);
  EXPECT_EQ(data.filters.length_min, Bytes::of(20));
}

TEST(Data, names_every_mistake) {
  EXPECT_EQ(read("[data]\n").mistakes,
            "run.toml:1: data.sources: is missing: "
            "sources = [{ kind = \"text\", files = [\"a.txt\"] }]");
  EXPECT_EQ(read("[data]\nsources = [{}]").mistakes,
            "run.toml:2: data.sources.files: is missing: name files, folders or globs, as in "
            "[\"texts/*.txt\"]");
  EXPECT_EQ(
      read("[data]\nsources = [{ files = [\"a\"], weight = 1 }, { files = [\"a\"] }]").mistakes,
      "run.toml:2: data.sources: give every source a weight, or none");
  EXPECT_EQ(read("[data]\nsources = [{ kind = \"jsonl\", files = [\"a\"] }]").mistakes,
            "run.toml:2: data.sources.field: give the field of the text, or those of question and "
            "answer");
  EXPECT_EQ(read("[data]\nsources = [{ kind = \"wordnet\", questions = [\"who\"] }]").mistakes,
            "run.toml:2: data.sources.questions: \"who\" is no question; they are \"what-is\", "
            "\"define\", \"kind-of\", \"synonym\", \"opposite\", \"example\"\n"
            "run.toml:2: data.sources.questions: names no question");
  EXPECT_EQ(read("[data]\nsources = [{ files = [\"a\"], name = \"../x\" }]").mistakes,
            "run.toml:2: data.sources.name: \"../x\" must be letters, digits, dashes and "
            "underscores");
  EXPECT_EQ(read("[data]\nsources = [{ files = [\"a\"], field = \"x\" }]").mistakes,
            "run.toml:2: data.sources.field: is not a key that is known here");
}

TEST(Data, corpus_stands_in_a_folder_of_the_name) {
  EXPECT_EQ(corpus_folder({}, "The next Grok, on 100,000 H100s!"),
            "data/the-next-grok-on-100-000-h100s");
  EXPECT_EQ(corpus_folder({}, "?"), "data/run");
  DataSpec data;
  data.folder = "elsewhere";
  EXPECT_EQ(corpus_folder(data, "x"), "elsewhere");
}

}  // namespace
}  // namespace celere::spec
