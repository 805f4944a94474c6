// Questions and answers about the words of WordNet, in plain English.
//
// A noun is asked for with the article that it takes: "a violin", "an hour", "water", "Paris",
// "the moon" is beyond this. Whether a noun is counted is told by its meaning's place in WordNet
// (a substance is not, an animal is), by its definition ("a ..." is counted) and by its ending;
// WordNet itself does not say, so some articles are wrong.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/data.hpp"
#include "tokens/wordnet.hpp"

namespace celere::tokens {

enum class NounUse { counted, mass, plural, name };

struct Asked {
  std::vector<std::string> questions;  // phrasings
  std::string answer;
};

// Nothing where WordNet has no answer to it.
std::optional<Asked> ask(const WordNet& net, const Word& word, spec::Question question,
                         int phrasings);

// The spelling of a word in its synset: "paris" is "Paris".
std::string spelling(const Synset& synset, const std::string& lemma);

NounUse noun_use(const WordNet& net, const Synset& synset, const std::string& noun);
// "an hour", "a union", "an X-ray".
std::string with_article(const std::string& noun);

}  // namespace celere::tokens
