#include "infer/recall.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "infer/test_support.hpp"
#include "tokens/build.hpp"

namespace celere::infer {
namespace {

// The slow twin: ask each question, compare the texts.
std::int64_t one_by_one(const SmallModel& model) {
  std::int64_t exact = 0;
  for (const auto& [question, expected] : test_questions()) {
    exact += model.generator.answer(question, {}, nullptr)->text == expected ? 1 : 0;
  }
  return exact;
}

TEST(Recall, counts_what_asking_one_by_one_counts) {
  std::set<std::int64_t> seen;
  for (const int steps : {0, 14, 18, 22, 26, 60}) {
    const SmallModel model(steps);
    const auto found = recall(model.generator, test_questions(), 0);
    ASSERT_TRUE(found.ok()) << found.error().text();
    EXPECT_EQ(found->asked, 8);
    EXPECT_EQ(found->exact, one_by_one(model)) << steps;
    seen.insert(found->exact);
  }
  // None, all, and something between.
  EXPECT_TRUE(seen.contains(0) && seen.contains(8) && seen.size() > 2);
}

TEST(Recall, shows_what_is_answered_instead) {
  const SmallModel model(60);
  std::vector<tokens::QuestionAnswer> questions = test_questions();
  questions[1].answer = "A small stringed instrument.";
  questions[4].answer += " It has a hood.";  // the model ends before
  const auto found = recall(model.generator, questions, 5);
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->exact, 6);
  EXPECT_DOUBLE_EQ(found->share(), 0.75);
  ASSERT_EQ(found->misses.size(), 2u);
  EXPECT_EQ(found->misses[0].question, "What is a cello?");
  EXPECT_EQ(found->misses[0].expected, "A small stringed instrument.");
  EXPECT_EQ(found->misses[0].given, test_questions()[1].answer);
  EXPECT_EQ(found->misses[1].given, test_questions()[4].answer);
}

TEST(Recall, an_answer_longer_than_the_model_holds_is_a_miss) {
  const SmallModel model;
  std::string endless;
  for (int i = 0; i < 200; ++i) endless += "water ";
  const std::vector<tokens::QuestionAnswer> questions = {{"What is water?", endless}};
  EXPECT_EQ(recall(model.generator, questions, 0)->exact, 0);
}

class PickQuestions : public testing::Test {
 protected:
  PickQuestions() {
    std::string lines;
    for (const auto& [question, answer] : test_questions()) {
      lines += R"({"q":")" + question + R"(","a":")" + answer + "\"}\n";
    }
    write("questions.jsonl", lines);
    write("text.txt", "Water is wet.\n\nA violin is not.\n\nThe third paragraph.\n");
    data_.tokenizer.vocabulary = 350;
    data_.validation = 0;
  }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(files_->write(folder_ / name, text).ok());
  }
  void add(const std::string& name, spec::SourceKind kind) {
    spec::DataSource source;
    source.name = name.substr(0, name.find('.'));
    source.kind = kind;
    source.files = {folder_ / name};
    source.unit = spec::TextUnit::paragraph;
    if (kind == spec::SourceKind::jsonl) {
      source.question = "q";
      source.answer = "a";
    }
    data_.sources.push_back(source);
  }
  tokens::Dataset built() {
    const auto report = tokens::build_corpus(
        *files_, clock_, data_, {.folder = folder_ / "out", .threads = 1, .progress = {}});
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().text());
    auto dataset = tokens::Dataset::open(*files_, folder_ / "out", {.sequence = 8});
    EXPECT_TRUE(dataset.ok()) << (dataset.ok() ? "" : dataset.error().text());
    return std::move(dataset).value();
  }

  TemporaryFolder folder_{"recall"};
  std::unique_ptr<Files> files_ = local_files();
  SystemClock clock_;
  spec::DataSpec data_;
};

std::set<std::string> names(const std::vector<tokens::QuestionAnswer>& questions) {
  std::set<std::string> out;
  for (const tokens::QuestionAnswer& one : questions) out.insert(one.question);
  return out;
}

TEST_F(PickQuestions, takes_each_once_and_passes_over_other_documents) {
  add("questions.jsonl", spec::SourceKind::jsonl);
  add("text.txt", spec::SourceKind::text);
  const tokens::Dataset dataset = built();
  const auto all = pick_questions(dataset, 100, 1);
  ASSERT_TRUE(all.ok()) << all.error().text();
  EXPECT_EQ(all->size(), 8u);
  EXPECT_EQ(names(*all), names(test_questions()));
  const auto some = pick_questions(dataset, 3, 1);
  EXPECT_EQ(names(*some).size(), 3u);
  EXPECT_EQ(names(*some), names(*pick_questions(dataset, 3, 1)));
  std::set<std::set<std::string>> drawn;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    drawn.insert(names(*pick_questions(dataset, 3, seed)));
  }
  EXPECT_GT(drawn.size(), 5u);  // of 56 possible ones
}

TEST_F(PickQuestions, needs_a_corpus_with_questions) {
  add("text.txt", spec::SourceKind::text);
  data_.tokenizer.vocabulary = 290;
  const auto none = pick_questions(built(), 3, 1);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, testing::HasSubstr("no questions"));
}

}  // namespace
}  // namespace celere::infer
