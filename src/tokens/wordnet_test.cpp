// WordNet's own files (Debian's wordnet-base), which ./dev setup installs; and lines by hand.
#include "tokens/wordnet.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tokens/questions.hpp"

namespace celere::tokens {
namespace {

using spec::Question;

TEST(Synset, is_read_from_its_line) {
  const auto synset = parse_synset(
      "00001740 03 s 02 hot_dog(p) 0 Frank 1 002 @ 00002137 n 0000 ! 00000042 a 0102 | a thing; "
      "so; "
      "\"the hot dog\"; \"another\"  ");
  ASSERT_TRUE(synset.ok());
  EXPECT_EQ(synset->words, (std::vector<std::string>{"hot dog", "Frank"}));
  EXPECT_EQ(synset->definition, "a thing; so");
  EXPECT_EQ(synset->examples, (std::vector<std::string>{"the hot dog", "another"}));
  ASSERT_EQ(synset->pointers.size(), 2u);
  EXPECT_EQ(synset->pointers[1].from, 1);
  EXPECT_EQ(synset->pointers[1].to, 2);
  for (const char* line : {"", "x", "00001740 03 n 02 one 0 000 | gloss",
                           "00001740 03 n 01 one 0 002 @ 00002137 n 0000 | gloss",
                           "00001740 03 n 01 one 0 000 no gloss"}) {
    EXPECT_FALSE(parse_synset(line).ok()) << line;
  }
}

TEST(Articles, follow_the_sound) {
  for (const auto& [noun, expected] :
       std::vector<std::pair<const char*, const char*>>{{"violin", "a violin"},
                                                        {"apple", "an apple"},
                                                        {"hour", "an hour"},
                                                        {"union", "a union"},
                                                        {"umbrella", "an umbrella"},
                                                        {"X-ray", "an X-ray"},
                                                        {"U-boat", "a U-boat"},
                                                        {"European", "a European"},
                                                        {"one-eyed man", "a one-eyed man"},
                                                        {"American", "an American"},
                                                        {"honor", "an honor"},
                                                        {"house", "a house"},
                                                        {"FBI agent", "an FBI agent"},
                                                        {"uncle", "an uncle"}}) {
    EXPECT_EQ(with_article(noun), expected);
  }
}

class Words : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto read = WordNet::read(*local_files(), "/usr/share/wordnet", false);
    ASSERT_TRUE(read.ok()) << read.error().text();
    net_ = new WordNet(std::move(read).value());
  }
  static void TearDownTestSuite() { delete net_; }

  static const Word& word(const std::string& lemma, Part part) {
    const auto found = std::find_if(net_->words().begin(), net_->words().end(), [&](const Word& w) {
      return w.lemma == lemma && w.part == part;
    });
    EXPECT_TRUE(found != net_->words().end()) << lemma;
    return *found;
  }
  static std::string asked(const std::string& lemma, Part part, Question question,
                           std::size_t phrasing = 0) {
    const auto found = ask(*net_, word(lemma, part), question, 4);
    if (!found) return "nothing";
    return found->questions[phrasing] + " " + found->answer;
  }
  static WordNet* net_;
};
WordNet* Words::net_ = nullptr;

// The statistics of WordNet 3.0 [wnstats(7WN)]: 117,798 nouns, 11,529 verbs, 21,479 adjectives and
// 4,481 adverbs.
TEST_F(Words, are_as_many_as_wordnet_says) {
  std::vector<int> counts(part_count, 0);
  for (const Word& one : net_->words()) ++counts[static_cast<std::size_t>(one.part)];
  EXPECT_EQ(counts, (std::vector<int>{117798, 11529, 21479, 4481}));
}

// grep '^violin%' cntlist.rev: "violin%1:06:00:: 1 3"; of water, sense 1 has 136.
TEST_F(Words, have_the_counts_of_their_first_sense) {
  EXPECT_EQ(word("violin", Part::noun).count, 3);
  EXPECT_EQ(word("water", Part::noun).count, 136);
  EXPECT_EQ(word("scissors", Part::noun).count, 0);
}

TEST_F(Words, are_asked_about_in_english) {
  EXPECT_EQ(asked("violin", Part::noun, Question::what_is).substr(0, 67),
            "What is a violin? Bowed stringed instrument that is the highest mem");
  EXPECT_EQ(asked("violin", Part::noun, Question::kind_of),
            "What kind of thing is a violin? A violin is a kind of bowed stringed instrument.");
  EXPECT_EQ(asked("violin", Part::noun, Question::synonym),
            "What is another word for violin? Fiddle.");
  EXPECT_EQ(asked("water", Part::noun, Question::what_is).substr(0, 15), "What is water? ");
  EXPECT_EQ(asked("milk", Part::noun, Question::what_is).substr(0, 14), "What is milk? ");
  EXPECT_EQ(asked("apple", Part::noun, Question::what_is).substr(0, 18), "What is an apple? ");
  EXPECT_EQ(asked("scissors", Part::noun, Question::what_is).substr(0, 19), "What are scissors? ");
  EXPECT_EQ(asked("paris", Part::noun, Question::what_is).substr(0, 15), "What is Paris? ");
  EXPECT_EQ(asked("einstein", Part::noun, Question::what_is).substr(0, 17), "Who is Einstein? ");
  EXPECT_EQ(asked("dog breeding", Part::noun, Question::what_is).substr(0, 22),
            "What is dog breeding? ");
  EXPECT_EQ(asked("happiness", Part::noun, Question::what_is).substr(0, 19), "What is happiness? ");
  EXPECT_EQ(asked("weakness", Part::noun, Question::what_is).substr(0, 20), "What is a weakness? ");
  EXPECT_EQ(asked("genus rosa", Part::noun, Question::what_is).substr(0, 20),
            "What is genus Rosa? ");
  EXPECT_EQ(asked("judgment on the merits", Part::noun, Question::kind_of),
            "What kind of thing is judgment on the merits? Judgment on the merits is a kind of "
            "judgment.");
  EXPECT_EQ(asked("scissors", Part::noun, Question::what_is, 2).substr(0, 22),
            "What do scissors mean?");
  EXPECT_EQ(asked("good", Part::adjective, Question::opposite),
            "What is the opposite of good? Bad.");
  EXPECT_EQ(asked("run", Part::verb, Question::define, 1).substr(0, 30),
            "What does it mean to run? To m");
  EXPECT_EQ(asked("violin", Part::noun, Question::define), "nothing");
  EXPECT_EQ(asked("violin", Part::noun, Question::opposite), "nothing");
  EXPECT_EQ(asked("unit", Part::noun, Question::example).substr(0, 24), "Use unit in a sentence. ");
}

}  // namespace
}  // namespace celere::tokens
